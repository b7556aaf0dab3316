"""Rules of a site with [access]: who is admitted now, until when that holds, and nothing out of a damaged statement."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from components.archive.keys import create_log_key
from components.rules.access.register import AccessRegister
from components.rules.load import RulesError, RuleSources, fingerprint, load_content, load_rules, load_sources
from components.settings.site import SiteFile
from policy.access.admission import DAY_S
from policy.access.statement import AccessAct
from policy.address import BareJid
from policy.content import policy
from policy.content.lexicon import LexiconMatcher
from policy.content.rule import Rule
from policy.directory.directory import parse_directory
from tests.support.site_toml import write_site_toml
from tests.unit.policy.content.rules import write_rule
from tests.unit.rules.test_grants import ALICE, DIRECTORY, NOW, Desk, make_settings

NS = 1_000_000_000


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    keys = {
        name: create_log_key(tmp_path / f"{name}.key", f"approver/{name}@metals.example")
        for name in ("erin", "frank")
    }
    (tmp_path / "directory.toml").write_text(DIRECTORY)
    return Desk(AccessRegister(make_settings(tmp_path)), parse_directory(DIRECTORY), keys)


def sources(desk: Desk) -> RuleSources:
    folder = desk.register.settings.folder
    return RuleSources(folder.with_name("directory.toml"), access=AccessRegister(desk.register.settings))


def people(found: RuleSources, now_s: int) -> set[str]:
    return {jid.partition("@")[0] for jid in load_rules(found, now_s * NS).rules.directory.people}


def test_who_is_admitted_is_in_until_it_ends_by_itself(desk: Desk) -> None:
    found = sources(desk)
    assert people(found, NOW) == {"bot"}, "the directory alone lets in service accounts"
    before = fingerprint(found)
    desk.ask()
    desk.decide("erin")
    desk.decide("frank")
    assert fingerprint(found) != before
    loaded = load_rules(found, NOW * NS)
    assert set(loaded.rules.directory.people) == {ALICE, BareJid("bot@metals.example")}
    assert loaded.rules.directory.uninformed == {ALICE}
    assert loaded.until_ns == (NOW + 90 * DAY_S) * NS
    assert people(found, NOW + 90 * DAY_S - 1) == {"alice", "bot"}
    assert people(found, NOW + 90 * DAY_S) == {"bot"}
    desk.decide("erin", AccessAct.CERTIFY, now_s=NOW + 91 * DAY_S)
    assert people(found, NOW + 91 * DAY_S) == {"alice", "bot"}
    assert load_rules(found, (NOW + 91 * DAY_S) * NS).rules.digest == loaded.rules.digest


def test_a_damaged_statement_is_a_fault_of_the_rules(desk: Desk) -> None:
    found = sources(desk)
    desk.ask()
    (name,) = desk.register.folder.names()
    (desk.register.settings.folder / name).write_bytes(b"half")
    with pytest.raises(RulesError, match="put it back from a backup"):
        load_rules(found, NOW * NS)


def test_without_the_table_whoever_is_listed_is_admitted(desk: Desk, tmp_path: Path) -> None:
    found = load_sources(SiteFile(write_site_toml(tmp_path / "site.toml")))
    assert found.access is None
    assert people(found, NOW) == {"alice", "bob", "erin", "frank", "bot"}


@pytest.mark.sources
def test_the_terms_of_a_policy_are_made_ready_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of thousands of terms this takes most of the time in which rules are read, with a site's own files or without."""
    made: list[tuple[Rule, ...]] = []

    class Counted(LexiconMatcher):
        def __init__(self, rules: Iterable[Rule]) -> None:
            made.append(tuple(rules))
            super().__init__(made[-1])

    monkeypatch.setattr(policy, "_MATCHERS", (Counted,))
    file = tmp_path / "policy.toml"
    for number, own_links in enumerate(("", "https://files.metals.example/f/"), 1):
        file.write_text(
            write_rule(kind="lexicon", terms={"en": [f"tip {number}"]}, must_match=[f"tip {number}"])
        )
        content = load_content(file, own_links)
        assert (content.own_links, len(content.rules), len(made)) == (own_links, 1, number)
