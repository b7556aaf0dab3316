"""What transcripts, mails and printed pages say of a record: also what a rule only flagged."""

from datetime import UTC

import pytest

from components.audit.export.message import Entry, ExportMessage, Outcome
from components.audit.export.story import tell


def notes_of(verdict: str, rules: tuple[str, ...], outcome: Outcome) -> tuple[str, ...]:
    message = ExportMessage(
        "gate/1",
        0,
        "message",
        "",
        "alice bob",
        "alice",
        "bob",
        "copper",
        "",
        verdict=verdict,
        rules=rules,
        outcome=outcome,
    )
    return tell(Entry(message), UTC).notes


@pytest.mark.parametrize(
    ("verdict", "rules", "outcome", "notes"),
    [
        ("release", (), Outcome.DELIVERED, ()),
        ("release", ("gifts", "tips"), Outcome.DELIVERED, ("Flagged by the rules gifts, tips.",)),
        (
            "refuse",
            ("cards",),
            Outcome.NOT_DELIVERED,
            ("Not delivered.", "Verdict: refuse by the rules cards."),
        ),
        ("hold", ("tips",), Outcome.HELD, ("Held for review.", "Verdict: hold by the rules tips.")),
    ],
)
def test_each_rule_that_matched_is_named(
    verdict: str, rules: tuple[str, ...], outcome: Outcome, notes: tuple[str, ...]
) -> None:
    assert notes_of(verdict, rules, outcome) == notes
