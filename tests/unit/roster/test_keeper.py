"""The keeper when things go wrong, and how much it asks; what the server then does is tests/e2e/test_roster.py."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from xml.etree import ElementTree as ET

import pytest

from components.archive.errors import LogUnavailable
from components.link.entity import NoAnswerError, XmppError
from components.roster.keeper import Keeper
from components.roster.state import KeptState
from components.roster.wire import QUERY, encode_change, parse_roster
from policy.address import BareJid, Domain
from policy.directory.directory import parse_directory
from policy.roster import RosterChange, RosterItem, Rosters, apply_change
from tests.support.process import wait_until

HOST = Domain("metals.example")


@pytest.fixture(autouse=True)
def tries_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.roster.keeper._AGAIN_S", (0.01, 0.02))


def jid(name: str) -> BareJid:
    return BareJid(f"{name}@{HOST}")


def rosters(*names: str) -> Rosters:
    people = "".join(
        f'[[enterprise.metals.person]]\njid = "{jid(name)}"\nname = "{name}"\nroles = ["trader"]\n'
        for name in names
    )
    head = 'gate = "gate.example"\n[enterprise.metals]\nname = "Metals"\nsites = [{ domain = "metals.example" }]\n'
    return Rosters(parse_directory(head + people))


class Accounts:
    """The accounts of a server as far as requests for rosters go; `fail` may object to any request."""

    def __init__(self, *names: str) -> None:
        self.rosters: dict[BareJid, dict[BareJid, RosterItem]] = {jid(name): {} for name in names}
        self.asked: list[tuple[str, str]] = []
        self.fail: Callable[[str, str], Exception | None] = lambda _to, _kind: None
        self.answers_after_s = 0.0
        self.at_once = self.most_at_once = 0

    async def request(self, to: str, payload: ET.Element, *, kind: str = "get") -> ET.Element | None:
        self.asked.append((to, kind))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.answers_after_s)
        self.at_once -= 1
        if error := self.fail(to, kind):
            raise error
        if payload.tag != QUERY:
            self.rosters[BareJid(payload.get("jid", ""))].clear()
            return None
        roster = self.rosters.get(BareJid(to))
        if kind == "get":
            whole = ET.Element(QUERY)
            whole.extend(
                item
                for query in encode_change(RosterChange(tuple((roster or {}).values())))
                for item in query
            )
            return whole
        if roster is None:
            raise XmppError("item-not-found")
        gone = tuple(BareJid(item.get("jid", "")) for item in payload if item.get("subscription") == "remove")
        put = tuple(item for key, item in parse_roster(payload).items() if key not in gone)
        self.rosters[BareJid(to)] = apply_change(roster, RosterChange(put, gone))
        return None


class Records:
    """What was recorded, in order, each with how much had been asked by then."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self.entries: list[tuple[BareJid, RosterChange, bool, list[tuple[str, str]]]] = []
        self.full = False

    async def record(self, owner: BareJid, change: RosterChange, *, emptied: bool = False) -> None:
        if self.full:
            raise LogUnavailable("the disk is full")
        self.entries.append((owner, change, emptied, list(self._accounts.asked)))


class Site:
    """A keeper with its server, its records and what it remembers."""

    def __init__(self, *accounts: str, at_once: int = 4) -> None:
        self.accounts = Accounts(*accounts)
        self.records = Records(self.accounts)
        self.saved: list[KeptState] = []
        self.keeper = Keeper(
            self.accounts,
            self.records,
            KeptState(),
            self.saved.append,
            requests_per_s=5000,
            requests_at_once=at_once,
        )

    @asynccontextmanager
    async def at_work(self, *names: str) -> AsyncIterator[None]:
        task = asyncio.create_task(self.keeper.run())
        self.keeper.use(rosters(*names))
        self.keeper.granted(HOST, True)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def settle(self) -> None:
        assert await wait_until(lambda: self.keeper.waiting == 0)

    def holds(self, name: str) -> set[str]:
        return {contact.partition("@")[0] for contact in self.accounts.rosters[jid(name)]}


async def test_each_roster_is_asked_for_once_and_only_differences_are_written() -> None:
    site = Site("ann", "ben", "cas")
    async with site.at_work("ann", "ben", "cas"):
        await site.settle()
        assert [site.holds(name) for name in ("ann", "ben", "cas")] == [
            {"ben", "cas"},
            {"ann", "cas"},
            {"ann", "ben"},
        ]
        assert len(site.accounts.asked) == 6
        site.keeper.use(rosters("ann", "ben", "cas", "dan"))
        await site.settle()
        # Nobody's roster is fetched again, but the newcomer's, who has no account yet.
        assert sorted(site.accounts.asked[6:]) == sorted(
            [(jid("dan"), "get")] + [(jid(n), "set") for n in ("ann", "ben", "cas", "dan")]
        )
        assert site.keeper.without_account == 1
        site.accounts.rosters[jid("dan")] = {}
        site.keeper.changed(jid("dan"))
        await site.settle()
        assert site.holds("dan") == {"ann", "ben", "cas"}
        assert site.keeper.without_account == 0


async def test_a_new_connection_compares_everything_and_writes_nothing_twice() -> None:
    site = Site("ann", "ben")
    async with site.at_work("ann", "ben"):
        await site.settle()
        site.keeper.link_changed(False)
        site.accounts.asked.clear()
        site.keeper.granted(HOST, True)
        await site.settle()
        assert sorted(site.accounts.asked) == [(jid("ann"), "get"), (jid("ben"), "get")]


async def test_it_is_recorded_before_it_is_changed_and_not_changed_without() -> None:
    site = Site("ann", "ben")
    site.records.full = True
    async with site.at_work("ann", "ben"):
        assert await wait_until(lambda: site.keeper.counters.failed >= 2)
        assert {kind for _, kind in site.accounts.asked} == {"get"}
        site.records.full = False
        await site.settle()
        assert site.holds("ann") == {"ben"}
    for owner, change, _, asked_before in site.records.entries:
        assert [item.jid for item in change.put] == [jid("ben") if owner == jid("ann") else jid("ann")]
        assert (owner, "set") not in asked_before


@pytest.mark.slow
@pytest.mark.parametrize(
    "error",
    [
        XmppError("not-allowed", "The gate does not know them yet."),
        XmppError("resource-constraint", "Recording is interrupted.", "wait"),
        NoAnswerError("nothing came"),
    ],
)
async def test_what_fails_is_tried_again(error: Exception) -> None:
    site = Site("ann", "ben")
    failures = [error, error]
    site.accounts.fail = lambda to, _kind: failures.pop() if failures and to == jid("ann") else None
    async with site.at_work("ann", "ben"):
        await site.settle()
        assert (site.holds("ann"), site.holds("ben")) == ({"ben"}, {"ann"})
        assert site.keeper.counters.failed == 2


async def test_the_roster_of_who_departs_is_emptied_and_then_forgotten() -> None:
    site = Site("ann", "ben", "cas")
    async with site.at_work("ann", "ben", "cas"):
        await site.settle()
        site.keeper.use(rosters("ann", "ben"))
        await site.settle()
        assert [site.holds(name) for name in ("ann", "ben", "cas")] == [{"ben"}, {"ann"}, set()]
        assert (HOST, "set") in site.accounts.asked
        assert site.saved[-1].owners == {jid("ann"), jid("ben")}
        assert [(owner, change) for owner, change, emptied, _ in site.records.entries if emptied] == [
            (jid("cas"), RosterChange())
        ]


async def test_no_more_is_asked_at_once_than_is_set() -> None:
    names = [f"t{number:02}" for number in range(30)]
    site = Site(*names, at_once=3)
    site.accounts.answers_after_s = 0.002
    async with site.at_work(*names):
        await site.settle()
        assert site.accounts.most_at_once == 3
        assert all(len(site.holds(name)) == 29 for name in names)


async def test_other_peoples_servers_are_left_alone() -> None:
    site = Site("ann", "ben")
    site.keeper.use(rosters("ann", "ben"))
    site.keeper.granted(Domain("other.example"), True)
    site.keeper.granted(HOST, False)
    assert site.keeper.waiting == 0
    assert site.keeper.hosts == {"other.example"}
