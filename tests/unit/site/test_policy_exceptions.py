"""Exceptions from barriers at a site: proposed, signed by two approvers, in force for their time and no longer."""

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from components.archive.keys import create_log_key
from components.archive.log.note import NoteSigner
from components.process.errors import SiteError
from components.rules import exception_acts
from components.rules.exceptions import (
    ExceptionState,
    approve_exception,
    load_approver_keys,
    read_exceptions,
    store_proposal,
)
from components.rules.follow import RulesChange, RulesFollower
from components.rules.load import RulesError, RuleSources, load_rules, load_sources
from components.settings.site import SiteFile
from policy.address import BareJid
from policy.directory.enterprise import EnterpriseId
from policy.reach.exception import BarrierException
from policy.rules import Rules
from tests.support.process import wait_until
from tests.support.reach import may_reach
from tests.support.walled_site import APPROVERS, RITA, TOM, key, make_walled_site
from tests.unit.policy.walls import WALLED, WALLED_TEXT

ROOT = Path(__file__).resolve().parents[3]
BEGIN_S, END_S = 1_000, 2_000


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return make_walled_site(tmp_path)


def _talk(rules: Rules) -> bool:
    return may_reach(rules.directory, RITA, TOM)


def test_two_signatures_put_it_in_force_and_one_withdrawal_out_of_it(site: Path) -> None:
    sources = load_sources(SiteFile(site))
    id_ = exception_acts.propose(site, [TOM, RITA], "", "", 8, "Deal X").stem
    states = [exception_acts.fetch_all(site)[0].state]
    for approver in APPROVERS[:2]:
        states.append(exception_acts.approve(site, id_, key(site, approver)).state)
    assert states == ["proposed", "proposed", "in force"]
    loaded = load_rules(sources, time.time_ns())
    assert _talk(loaded.rules)
    (exception,) = loaded.rules.directory.exceptions
    assert loaded.until_ns == exception.ends_s * 10**9
    assert exception.ends_s - exception.begins_s == 8 * 3600
    assert exception_acts.withdraw(site, id_, key(site, APPROVERS[0]), "over").state == "withdrawn"
    after = load_rules(sources, time.time_ns())
    assert after.until_ns is None
    assert not _talk(after.rules)
    assert after.rules.digest != loaded.rules.digest


def _kept(site: Path, *signers: str, exception: BarrierException | None = None) -> RuleSources:
    sources = load_sources(SiteFile(site))
    made = exception or BarrierException("e1", EnterpriseId("metals"), (RITA, TOM), BEGIN_S, END_S, "Deal X")
    store_proposal(sources.exceptions, made)
    for name in signers:
        _approve(sources, made.id, _signer(site, name))
    return sources


def _approve(sources: RuleSources, id_: str, signer: NoteSigner) -> None:
    approve_exception(sources.exceptions, id_, signer, WALLED, load_approver_keys(sources.approvers))


def _signer(site: Path, name: str) -> NoteSigner:
    return exception_acts._load_key(key(site, name))


def test_it_begins_and_ends_by_itself(site: Path) -> None:
    sources = _kept(site, *APPROVERS[:2])
    seen = []
    for now_s in (BEGIN_S - 1, BEGIN_S, END_S - 1, END_S):
        loaded = load_rules(sources, now_s * 10**9)
        seen.append((_talk(loaded.rules), loaded.until_ns and loaded.until_ns // 10**9))
    assert seen == [(False, BEGIN_S), (True, END_S), (True, END_S), (False, None)]


@pytest.mark.parametrize(
    ("signer", "told"),
    [
        ("rita@metals.example", "no approver in directory.toml"),
        ("hanna@grain.example", "not in the enterprise metals"),
        ("bob", "a key that names no JID"),
        ("anna@metals.example", "approved this exception already"),
    ],
)
def test_what_would_not_count_is_not_signed(site: Path, signer: str, told: str) -> None:
    _kept(site, "anna@metals.example")
    with pytest.raises(SiteError, match=told):
        exception_acts.approve(site, "e1", key(site, signer))


def test_a_key_that_is_none_of_the_approvers_does_not_sign(site: Path, tmp_path: Path) -> None:
    _kept(site)
    create_log_key(tmp_path / "new.key", f"approver/{APPROVERS[0]}")
    with pytest.raises(SiteError, match=r"is another key than that of archive\.approvers"):
        exception_acts.approve(site, "e1", str(tmp_path / "new.key"))
    (exception,) = exception_acts.fetch_all(site)
    assert exception.signed_by == ()


def test_nobody_signs_their_own(site: Path) -> None:
    own = BarrierException(
        "e1", EnterpriseId("metals"), (BareJid("anna@metals.example"), TOM), BEGIN_S, END_S, "x"
    )
    _kept(site, exception=own)
    with pytest.raises(SiteError, match="nobody approves an exception for themselves"):
        exception_acts.approve(site, "e1", key(site, "anna@metals.example"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tom@metals.example", "tina@metals.example"),
        ("1970-01-01T00:33:20Z", "1970-01-02T00:33:20Z"),
        ("id e1", "id e2"),
        ("— approver/ada@metals.example", "— approver/eva@metals.example"),
        ("\n\n— ", "\n— "),
    ],
)
def test_one_that_somebody_changed_is_not_in_force(site: Path, old: str, new: str) -> None:
    sources = _kept(site, *APPROVERS[:2])
    file = sources.exceptions / "e1.exception"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    assert load_rules(sources, BEGIN_S * 10**9).rules.directory.exceptions == ()


def test_it_needs_its_approvers_and_people_as_they_are_now(site: Path) -> None:
    sources = _kept(site, *APPROVERS[:2])
    directory_file = site.parent / "directory.toml"
    for gone in ('name = "Anna", roles = ["approver"]', 'name = "Tom", desk = "trading"'):
        directory_file.write_text("\n".join(line for line in WALLED_TEXT.splitlines() if gone not in line))
        assert load_rules(sources, BEGIN_S * 10**9).rules.directory.exceptions == ()
    directory_file.write_text(WALLED_TEXT)
    assert load_rules(sources, BEGIN_S * 10**9).rules.directory.exceptions
    assert load_rules(replace(sources, approvers=()), BEGIN_S * 10**9).rules.directory.exceptions == ()
    with pytest.raises(RulesError, match=r"archive\.approvers"):
        load_rules(replace(sources, approvers=(site,)), BEGIN_S * 10**9)


def test_the_list_names_what_is_damaged_or_ended(site: Path) -> None:
    sources = _kept(site, *APPROVERS[:2])
    (sources.exceptions / "bad.exception").write_bytes(b"\xff")
    kept = read_exceptions(sources.exceptions, load_approver_keys(sources.approvers), WALLED, END_S)
    assert [(each.id, each.state) for each in kept] == [
        ("bad", ExceptionState.DAMAGED),
        ("e1", ExceptionState.ENDED),
    ]
    assert list(kept[1].signed_by) == ["ada@metals.example", "anna@metals.example"]


@pytest.mark.parametrize(
    ("people", "begins", "ends", "hours", "told"),
    [
        ([TOM], "", "", 1, "at least two"),
        ([TOM, "hanna@grain.example"], "", "", 1, "of one enterprise"),
        ([TOM, "zed@metals.example"], "", "", 1, "zed@metals.example: nobody of that address"),
        ([TOM, RITA], "noon", "", 1, "no time"),
        ([TOM, RITA], "", "2020-01-01T00:00:00Z", None, "begins before it ends"),
        ([TOM, RITA], "", "2020-01-01T00:00:00Z", 1, "not both"),
        ([TOM, RITA], "", "", 24 * 400, "within 366 days"),
    ],
)
def test_a_wrong_proposal_says_what_to_do(
    site: Path, people: list[str], begins: str, ends: str, hours: float | None, told: str
) -> None:
    with pytest.raises(SiteError, match=told):
        exception_acts.propose(site, people, begins, ends, hours, "Deal X")
    assert not (site.parent / "exceptions").exists()


async def test_it_ends_without_a_restart_even_when_nothing_else_can_be_read(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.rules.follow._INTERVAL_S", 0.01)
    now = int(time.time())
    exception = BarrierException("e1", EnterpriseId("metals"), (RITA, TOM), now - 10, now + 3600, "Deal X")
    sources = _kept(site, exception=exception)
    seen: list[bool] = []
    problems: list[tuple[str, ...]] = []
    follower = RulesFollower(sources)

    async def follow() -> None:
        async for news in follower.follow():
            if isinstance(news, RulesChange):
                seen.append(_talk(news.after))
            else:
                problems.append(news.problems)

    running = asyncio.create_task(follow())
    try:
        for approver in APPROVERS[:2]:
            approve_exception(
                sources.exceptions,
                "e1",
                _signer(site, approver),
                WALLED,
                load_approver_keys(sources.approvers),
            )
        assert await wait_until(lambda: seen == [True])
        (site.parent / "directory.toml").write_text("broken")
        assert await wait_until(lambda: len(problems) == 1)
        assert _talk(follower.rules)
        monkeypatch.setattr(time, "time_ns", lambda: (now + 3600) * 10**9)
        assert await wait_until(lambda: seen == [True, False])
        assert len(problems) == 1
        assert not _talk(follower.rules)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
