"""`steelyard policy replay`: what a proposed policy would have changed, as it is told."""

import json
from pathlib import Path

import pytest

from tests.support.audit_site import Site, make_site
from tests.support.command import run_command
from tests.unit.policy.content.rules import write_rule

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
HELD = write_rule("tips", "hold", kind="lexicon", terms={"en": ["tip"]}, must_match=["tip"])
FLAGS = write_rule("metal", "flag", kind="lexicon", terms={"en": ["copper"]}, must_match=["copper"])


@pytest.fixture
async def said(tmp_path: Path) -> Site:
    """Three messages of Alice's; one was flagged by a rule that is no more."""
    site = await make_site(tmp_path)
    (tmp_path / "proposed.toml").write_text(HELD + FLAGS)
    await site.record(
        site.say(ALICE, BOB, "a tip: copper"),
        site.say(ALICE, BOB, "copper", at_s=10, rules=("metal", "old")),
        site.say(ALICE, BOB, "zinc", at_s=20),
    )
    return site


def replay(site: Site, *options: str) -> int:
    return run_command("policy", "replay", site.path.parent / "proposed.toml", "--site", site.path, *options)


def test_it_prints_records_rules_and_verdicts(said: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(said) == 0
    printed = capsys.readouterr().out
    assert "1 released would be held\n" in printed
    assert "2 of 3 stanzas would have been decided differently. This look is record audit/" in printed
    assert said.id_of(0) in printed


def test_json_has_no_word_of_what_was_said(said: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(said, "--json", "--limit", "1") == 0
    printed = capsys.readouterr().out
    assert "copper" not in printed
    found = json.loads(printed)
    assert (found["changed"], len(found["changes"])) == (2, 1)
    assert found["verdicts"][0] == {"was": "flag", "would_be": "flag", "records": 1}
