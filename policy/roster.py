"""Rosters: what each person's roster shall hold, and the changes that it needs (docs/roster.md)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from policy.address import BareJid, domain_of
from policy.directory.directory import Directory
from policy.directory.enterprise import Desk, Enterprise, EnterpriseId, Person
from policy.reach.affiliation import reachable_people

BOTH = "both"


@dataclass(frozen=True, slots=True)
class RosterItem:
    """An entry of a roster (RFC 6121, 2.1.2): `name` may be empty, `ask` is `subscribe` or empty."""

    jid: BareJid
    name: str
    groups: frozenset[str]
    subscription: str = BOTH
    ask: str = ""


Roster = Mapping[BareJid, RosterItem]


@dataclass(frozen=True, slots=True)
class Given:
    """What rosters were ever given, so that it is told from a trader's own: names by contact, groups by enterprise."""

    names: Mapping[BareJid, frozenset[str]] = field(default_factory=dict)
    groups: Mapping[EnterpriseId, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RosterChange:
    """The changes of a roster: entries to write, in the order of their JIDs, and entries to remove."""

    put: tuple[RosterItem, ...] = ()
    removed: tuple[BareJid, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.put or self.removed)


class Rosters:
    """The rosters that a directory asks for; `before` are the earlier ones, whose equal entries are used again.

    Thousands of rosters have the same entries: that they are the same objects makes them quick to compare.
    """

    def __init__(self, directory: Directory, before: "Rosters | None" = None) -> None:
        self.directory = directory
        self._items = {item.jid: item for firm in directory.enterprises for item in _entries(firm)}
        if before is not None:
            known = before._items
            self._items = {
                jid: known[jid] if known.get(jid) == item else item for jid, item in self._items.items()
            }

    def wanted(self, owner: BareJid) -> dict[BareJid, RosterItem]:
        """Return what a person's roster shall hold: everybody whom they may reach, without themselves."""
        items = self._items
        return {person.jid: items[person.jid] for person in reachable_people(self.directory, owner)}

    def plan(self, owner: BareJid, current: Roster, given: Given) -> RosterChange:
        """Return what must change in a listed person's roster; `given` must hold what these rosters give."""
        groups = given.groups[self.directory.members[owner].enterprise]
        return reconcile(self.wanted(owner), current, given.names, groups)

    def find_same(self, before: "Rosters") -> frozenset[EnterpriseId]:
        """Find the enterprises whose people's rosters cannot have changed since `before`."""
        now, then = self.directory, before.directory
        if replace(now, enterprises=()) != replace(then, enterprises=()):
            return frozenset()
        firms = {firm.id: firm for firm in then.enterprises}
        return frozenset(firm.id for firm in now.enterprises if firms.get(firm.id) == firm)

    def add_to(self, given: Given) -> Given:
        """Add what these rosters give to what was given before; the names of those who are gone are forgotten."""
        known = given.names
        names = {jid: known.get(jid, frozenset()) | {item.name} for jid, item in self._items.items()}
        groups = dict(given.groups)
        for firm in self.directory.enterprises:
            groups[firm.id] = groups.get(firm.id, frozenset()).union(_all_groups(firm))
        return Given(names, groups)


def reconcile(
    wanted: Roster, current: Roster, names: Mapping[BareJid, frozenset[str]], groups: frozenset[str]
) -> RosterChange:
    """Return what must change in a roster, so that nothing is left to change once it is carried out.

    A trader's own names and groups stay; `names` and `groups` are those that were ever given, not their own.
    """
    put = []
    for jid, entry in wanted.items():
        held = current.get(jid)
        if held is not entry:
            item = _merge(entry, held, names.get(jid, frozenset()), groups)
            if item != held:
                put.append(item)
    put.sort(key=lambda item: item.jid)
    return RosterChange(tuple(put), tuple(sorted(jid for jid in current if jid not in wanted)))


def apply_change(current: Roster, change: RosterChange) -> dict[BareJid, RosterItem]:
    """Return the roster once the change is carried out."""
    gone = frozenset(change.removed)
    kept = {jid: item for jid, item in current.items() if jid not in gone}
    return kept | {item.jid: item for item in change.put}


def _merge(
    wanted: RosterItem, current: RosterItem | None, names: frozenset[str], groups: frozenset[str]
) -> RosterItem:
    if current is None or current == wanted:
        return wanted
    name = wanted.name if not current.name or current.name in names else current.name
    return RosterItem(wanted.jid, name, wanted.groups | (current.groups - groups))


def _entries(firm: Enterprise) -> Iterator[RosterItem]:
    desks = {desk.id: desk for desk in firm.desks}
    has_sites = len(firm.sites) > 1
    for person in firm.people:
        desk = desks.get(person.desk) if person.desk else None
        groups = frozenset(_groups(person, desk, has_sites))
        yield RosterItem(person.jid, person.name, groups)


def _groups(person: Person, desk: Desk | None, has_sites: bool) -> Iterable[str]:
    if desk:
        yield desk.name
    if has_sites:
        yield domain_of(person.jid)


def _all_groups(firm: Enterprise) -> Iterable[str]:
    yield from (desk.name for desk in firm.desks)
    if len(firm.sites) > 1:
        yield from (site.domain for site in firm.sites)
