"""Keeps the rosters: compares each with what the directory asks for, and has the server change the differences."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from xml.etree import ElementTree as ET

import structlog

from components.archive.errors import LogUnavailable
from components.link.entity import NoAnswerError, XmppError
from components.roster.pace import Pace
from components.roster.state import KeptState
from components.roster.wire import WireError, encode_change, encode_empty, encode_get, parse_roster
from policy.address import BareJid, Domain, domain_of
from policy.roster import RosterChange, RosterItem, Rosters, apply_change

_AGAIN_S = (0.25, 0.5, 1.0, 2.0, 5.0, 15.0)
# How many entries, read or written, cost the server as much as a small request.
_READ_FOR_ONE, _WRITTEN_FOR_ONE = 500, 50
_NO_ACCOUNT = "item-not-found"

log = structlog.get_logger("roster")


class Asks(Protocol):
    """The way to the server; `EntityLink` is one."""

    async def request(self, to: str, payload: ET.Element, *, kind: str = "get") -> ET.Element | None:
        """Return the payload of the result; raises XmppError and NoAnswerError."""


class RosterRecords(Protocol):
    """Records what is about to change; `Journal` is one."""

    async def record(self, owner: BareJid, change: RosterChange, *, emptied: bool = False) -> None:
        """Record a change, and return when it is durable; raises LogUnavailable, LogDamaged and LogFenced."""


@dataclass(frozen=True, slots=True)
class _Known:
    """The content of a roster: what the directory asks for, with the owner's own names and groups in `own`."""

    rosters: Rosters
    own: dict[BareJid, RosterItem]


@dataclass(slots=True)
class _Work:
    """The accounts whose rosters wait to be checked, in order. Two workers never check the same roster at once."""

    queued: dict[BareJid, None] = field(default_factory=dict)
    busy: set[BareJid] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, owner: BareJid) -> None:
        self.queued[owner] = None
        self.news.set()

    async def take(self) -> BareJid:
        while True:
            owner = next((each for each in self.queued if each not in self.busy), None)
            if owner is not None:
                del self.queued[owner]
                self.busy.add(owner)
                return owner
            self.news.clear()
            await self.news.wait()

    def done(self, owner: BareJid) -> None:
        self.busy.discard(owner)
        self.news.set()


@dataclass(slots=True)
class Counters:
    """Counts what the keeper did since its start."""

    requests: int = 0
    compared: int = 0
    written: int = 0
    removed: int = 0
    failed: int = 0


class Keeper:
    """Keeps the rosters of all accounts on the servers that allow it.

    Asks for a roster once after each connection; later only when it may have changed. Only differences are written.
    """

    def __init__(
        self,
        link: Asks,
        journal: RosterRecords,
        state: KeptState,
        save: Callable[[KeptState], None],
        *,
        requests_per_s: float,
        requests_at_once: int,
    ) -> None:
        self.counters = Counters()
        self._link = link
        self._journal = journal
        self._state = state
        self._save = save
        self._pace = Pace(requests_per_s)
        self._workers = requests_at_once
        self._rosters: Rosters | None = None
        self._hosts: set[Domain] = set()
        self._known: dict[BareJid, _Known] = {}
        self._without_account: set[BareJid] = set()
        self._tries: dict[BareJid, int] = {}
        self._work = _Work()

    @property
    def hosts(self) -> frozenset[Domain]:
        """The domains whose rosters the server lets it keep."""
        return frozenset(self._hosts)

    @property
    def waiting(self) -> int:
        """How many rosters still wait to be checked."""
        return len(self._work.queued) + len(self._work.busy) + len(self._tries)

    @property
    def without_account(self) -> int:
        """How many people have no account on the server."""
        return len(self._without_account)

    def use(self, rosters: Rosters) -> None:
        """Keep these rosters from now on; raises OSError if the state cannot be stored."""
        listed = frozenset(rosters.directory.people)
        newcomers = listed - self._state.owners
        departed = self._state.owners - listed
        before, self._rosters = self._rosters, rosters
        self._remember()
        unchanged = self._keep_unchanged(before, rosters)
        # Rosters with many changes come first. For the rest it is usually one entry.
        for owner in (*sorted(newcomers), *sorted(departed), *sorted(listed - newcomers - unchanged)):
            self._add(owner)

    def granted(self, host: Domain, granted: bool) -> None:
        """Note whether a server lets us keep the rosters of its accounts."""
        if not granted:
            log.error("the server does not let us keep rosters", host=host)
            self._hosts.discard(host)
            return
        self._hosts.add(host)
        self._remember()
        for owner in sorted(self._state.owners):
            if domain_of(owner) == host:
                self._known.pop(owner, None)
                self._add(owner)

    def link_changed(self, connected: bool) -> None:
        """Note that a connection ended: from now on we do not learn of changes to rosters."""
        if not connected:
            self._hosts.clear()
            self._known.clear()
            self._work.queued.clear()
            self._tries.clear()

    def changed(self, owner: BareJid) -> None:
        """Note that another party changed a roster, or that an account is new."""
        self._known.pop(owner, None)
        self._without_account.discard(owner)
        self._add(owner)

    async def run(self) -> None:
        """Work until cancelled; raises LogDamaged and LogFenced."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._workers):
                tasks.create_task(self._run())

    async def _run(self) -> None:
        while True:
            owner = await self._work.take()
            try:
                await self._keep(owner)
                self._tries.pop(owner, None)
                self._pace.worked()
            except (XmppError, WireError, NoAnswerError, LogUnavailable) as error:
                if _is_everybodys(error):
                    self._pace.rest()
                self._failed(owner, error)
            finally:
                self._work.done(owner)
            await asyncio.sleep(0)  # there may be thousands for whom nothing is to be done

    async def _keep(self, owner: BareJid) -> None:
        rosters = self._rosters
        if rosters is None or domain_of(owner) not in self._hosts:
            return
        if owner not in rosters.directory.people:
            await self._empty(owner)
            return
        known = self._known.pop(owner, None)
        if known:
            current = {**known.rosters.wanted(owner), **known.own}
        else:
            cost = 1 + len(rosters.wanted(owner)) / _READ_FOR_ONE
            current = parse_roster(await self._ask(owner, encode_get(), "get", cost))
        change = rosters.plan(owner, current, self._state.given)
        self.counters.compared += 1
        if change and not await self._carry_out(owner, change):
            self._without_account.add(owner)
            return
        if owner not in self._work.queued:  # somebody changed it meanwhile
            wanted = rosters.wanted(owner)
            own = {
                jid: item for jid, item in apply_change(current, change).items() if item != wanted.get(jid)
            }
            self._known[owner] = _Known(rosters, own)

    async def _carry_out(self, owner: BareJid, change: RosterChange) -> bool:
        """Record and make a change; return whether the account exists."""
        await self._journal.record(owner, change)
        try:
            for query in encode_change(change):
                await self._ask(owner, query, "set", 1 + len(query) / _WRITTEN_FOR_ONE)
        except XmppError as error:
            if error.condition != _NO_ACCOUNT:
                raise
            return False
        self.counters.written += len(change.put)
        self.counters.removed += len(change.removed)
        return True

    async def _empty(self, owner: BareJid) -> None:
        """Empty the roster of a person who is no longer listed, because their account may still exist."""
        self._known.pop(owner, None)
        await self._journal.record(owner, RosterChange(), emptied=True)
        try:
            await self._ask(BareJid(domain_of(owner)), encode_empty(owner), "set")
        except XmppError as error:
            if error.condition != _NO_ACCOUNT:
                raise
        if owner not in self._work.queued:  # listed again meanwhile
            self._state = KeptState(self._state.owners - {owner}, self._state.given)
            self._save(self._state)

    async def _ask(self, to: BareJid, payload: ET.Element, kind: str, cost: float = 1.0) -> ET.Element | None:
        await self._pace.turn(cost)
        self.counters.requests += 1
        return await self._link.request(to, payload, kind=kind)

    def _keep_unchanged(self, before: Rosters | None, rosters: Rosters) -> set[BareJid]:
        """Return the accounts whose rosters are still right because nothing in their enterprise has changed."""
        same = rosters.find_same(before) if before else frozenset()
        unchanged = set()
        for owner, known in self._known.items():
            member = rosters.directory.members.get(owner)
            if known.rosters is before and member and member.enterprise in same:
                self._known[owner] = _Known(rosters, known.own)
                unchanged.add(owner)
        return unchanged

    def _remember(self) -> None:
        """Store whose rosters are kept (a departed person's until it is empty), and all names and groups in them."""
        if self._rosters is None:
            return
        listed = self._rosters.directory.people
        ours = self._state.owners.union(jid for jid in listed if domain_of(jid) in self._hosts)
        state = KeptState(ours, self._rosters.add_to(self._state.given))
        if state != self._state:
            self._save(state)
            self._state = state

    def _add(self, owner: BareJid) -> None:
        if domain_of(owner) in self._hosts:
            self._work.add(owner)

    def _failed(self, owner: BareJid, error: Exception) -> None:
        """Try again later: the gate may not have the new rules yet, or the server may be busy."""
        if domain_of(owner) not in self._hosts:
            self._tries.pop(owner, None)
            return
        tries = self._tries.get(owner, 0)
        self._tries[owner] = tries + 1
        again_s = _AGAIN_S[min(tries, len(_AGAIN_S) - 1)]
        self.counters.failed += 1
        log.warning("a roster could not be kept", owner=owner, reason=str(error), again_s=again_s)
        asyncio.get_running_loop().call_later(again_s, self._add, owner)


def _is_everybodys(error: Exception) -> bool:
    """Return whether other rosters would fail now, too, because the server, the gate or our log does not work."""
    return isinstance(error, NoAnswerError | LogUnavailable) or getattr(error, "kind", "") == "wait"
