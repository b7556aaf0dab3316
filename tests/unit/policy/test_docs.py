"""docs/policy.md names every rule, with the error and the very words that a trader gets."""

from pathlib import Path

import pytest

from policy.content import payload_namespaces, refusals, upload_instead
from policy.decision import Decision
from policy.reach import affiliation, chaperone

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "policy.md").read_text()
REFUSALS = (*affiliation.REFUSALS, *chaperone.REFUSALS, *refusals.REFUSALS)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.rules[0])
def test_every_rule_is_documented_with_its_error_and_its_words(refusal: Decision) -> None:
    assert refusal.error is not None
    start = f"| `{refusal.rules[0]}` | `{refusal.error.type}`, `{refusal.error.condition}` | "
    (row,) = [line for line in PAGE.splitlines() if line.startswith(start)]
    assert refusal.error.text in row or refusal.error.text in PAGE.replace("\n> ", " ")


@pytest.mark.parametrize("module", [affiliation, chaperone, refusals])
def test_every_decision_that_a_module_can_make_is_listed(module: object) -> None:
    decisions = {value for value in vars(module).values() if isinstance(value, Decision) and value.error}
    assert decisions == set(module.REFUSALS)  # type: ignore[attr-defined]
    assert len({refusal.rules for refusal in REFUSALS}) == len(REFUSALS)


@pytest.mark.parametrize("refusal", upload_instead.REFUSALS, ids=lambda refusal: refusal.rules[0])
def test_what_is_told_where_there_is_an_upload_is_documented(refusal: Decision) -> None:
    assert refusal.error is not None
    assert f"| `{refusal.rules[0]}` | {refusal.error.text} |" in PAGE.splitlines()


def test_every_namespace_is_documented() -> None:
    for namespace in (*payload_namespaces.ENCRYPTED, *payload_namespaces.DIRECT):
        assert f"`{namespace}`" in PAGE
