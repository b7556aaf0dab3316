"""Who must not reach whom, read from the tables of a directory alone: what `prove` holds decisions against.

It deliberately does not use `policy.reach.borders`, which makes the decisions: an error there must show here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from policy.address import BareJid, Domain, domain_of
from policy.directory.directory import Directory
from policy.directory.enterprise import Enterprise, EnterpriseId, Group, Person, Role, Room

STRANGER_DOMAIN = Domain("stranger.invalid")  # RFC 6761, 6.4: nobody's, ever
_NOBODYS = EnterpriseId("")


class Relation(StrEnum):
    """Why one person must not reach another."""

    OTHER_ENTERPRISE = "other enterprise"
    BARRED = "barred"
    DEPARTED = "departed"
    STRANGER = "stranger domain"
    NOT_LET_IN = "not let into the room"


@dataclass(frozen=True, slots=True)
class EndClass:
    """Everything that decisions should know about a person except their name: people of one class differ only in it.

    `enterprise` is empty for a stranger. `groups` are the groups of the enterprise's barriers, allow lists and rooms
    that hold them. `alone` is the JID of somebody named by an exception, who is a class of their own.
    """

    enterprise: EnterpriseId
    domain: Domain
    listed: bool
    groups: frozenset[str] = frozenset()
    roles: frozenset[Role] = frozenset()
    alone: str = ""
    uninformed: bool = False


@dataclass(frozen=True, slots=True)
class RoomClass:
    """What all decisions should know of a room but its name.

    `gate` names the list of who may enter; it is empty where there is none.
    """

    enterprise: EnterpriseId
    domain: Domain
    gate: str
    chaperoned: bool


class Ends:
    """Everybody and every room of a directory, who has departed and strangers, sorted into classes; and all servers.

    Of each site there is somebody departed whom no rule names. `servers` has whose each domain is: sites, their rooms
    and components, and a stranger's.
    """

    def __init__(self, directory: Directory) -> None:
        self.firms: Mapping[EnterpriseId, Enterprise] = {firm.id: firm for firm in directory.enterprises}
        self.people: dict[EndClass, list[BareJid]] = {}
        self.rooms: dict[RoomClass, list[BareJid]] = {}
        self.servers: dict[Domain, EnterpriseId] = {STRANGER_DOMAIN: _NOBODYS}
        self._room_of: dict[EndClass, str] = {}
        self._excepted = [frozenset(each.people) for each in directory.exceptions]
        for firm in directory.enterprises:
            self._add_people(directory, firm)
            self._add_departed(directory, firm)
            for room in firm.rooms:
                kind = RoomClass(firm.id, domain_of(room.jid), _gate(room), room.chaperoned)
                self.rooms.setdefault(kind, []).append(room.jid)
            for site in firm.sites:
                domains = (site.domain, *([site.rooms] if site.rooms else []), *site.components)
                self.servers |= dict.fromkeys(domains, firm.id)
        self._chaperoned = [jid for kind, jids in self.rooms.items() if kind.chaperoned for jid in jids]
        self.people[EndClass(_NOBODYS, STRANGER_DOMAIN, False)] = [*dict.fromkeys(_strangers(directory))]

    def _add_people(self, directory: Directory, firm: Enterprise) -> None:
        groups = dict(_groups(firm))
        excepted = frozenset(jid for each in self._excepted for jid in each)
        for person in firm.people:
            held = frozenset(
                id_
                for id_, group in groups.items()
                if _holds(group, person, keeps=id_.startswith("barrier/") or id_.endswith("/who"))
            )
            alone = person.jid if person.jid in excepted else ""
            domain, uninformed = domain_of(person.jid), person.jid in directory.uninformed
            own = EndClass(firm.id, domain, True, held, person.roles, alone, uninformed)
            self.people.setdefault(own, []).append(person.jid)

    def _add_departed(self, directory: Directory, firm: Enterprise) -> None:
        for site in firm.sites:
            gone = EndClass(firm.id, site.domain, False)
            self.people[gone] = [_make_up(directory, "departed", site.domain)]
        for jid in sorted(firm.departed - directory.people.keys()):
            self.people.setdefault(EndClass(firm.id, domain_of(jid), False), []).append(jid)

    def relate(self, one: EndClass, other: EndClass) -> Relation | None:
        """Return why people of these classes must not reach each other; None if they may. Symmetric."""
        if (relation := _relate_listed(one, other.enterprise)) or (
            relation := _relate_listed(other, one.enterprise)
        ):
            return relation
        firm = self.firms[one.enterprise]
        excepted = bool(one.alone and other.alone) and any(
            {one.alone, other.alone} <= each for each in self._excepted
        )
        barred = not excepted and any(_is_across(barrier.id, one, other) for barrier in firm.barriers)
        unlisted = any(_is_unlisted(allow.id, one, other) for allow in firm.allow_lists)
        return Relation.BARRED if barred or unlisted else None

    def relate_server(self, end: EndClass, domain: Domain) -> Relation | None:
        """Return why people of this class must not reach the server of this domain; None if they may."""
        return _relate_listed(end, self.servers[domain])

    def may_enter(self, end: EndClass, room: RoomClass) -> bool:
        """Return whether people of a class may enter rooms of a class."""
        if not end.listed or end.enterprise != room.enterprise:
            return False
        if room.gate:
            return room.gate in end.groups
        firm = self.firms[room.enterprise]
        beside = any(
            f"barrier/{barrier.id}/{side}" in end.groups
            for barrier in firm.barriers
            if not (room.chaperoned and barrier.chaperoned)
            for side in (0, 1)
        )
        return not beside and not any(f"allow/{allow.id}/who" in end.groups for allow in firm.allow_lists)

    def find_room(self, end: EndClass) -> str:
        """Return a room that people of a class may enter, rather one without a chaperone; empty if there is none."""
        if end not in self._room_of:
            open_ = [room for room in self.rooms if self.may_enter(end, room)]
            chosen = min(open_, key=lambda room: room.chaperoned, default=None)
            self._room_of[end] = self.rooms[chosen][0] if chosen else ""
        return self._room_of[end]

    def find_other_chaperoned(self, room: BareJid) -> str:
        """Return a chaperoned room besides this one; empty if there is none."""
        return next((each for each in self._chaperoned if each != room), "")

    def may_watch(self, end: EndClass) -> bool:
        """Return whether people of a class are chaperones of the chaperoned rooms that they may enter."""
        on_a_side = any(group.startswith("barrier/") for group in end.groups)
        return Role.CHAPERONE in end.roles and not on_a_side


def _relate_listed(end: EndClass, enterprise: EnterpriseId) -> Relation | None:
    """Return why people of a class must not reach anybody of an enterprise; None if somebody is listed in it."""
    if not end.enterprise or not enterprise:
        return Relation.STRANGER
    if end.enterprise != enterprise:
        return Relation.OTHER_ENTERPRISE
    return None if end.listed else Relation.DEPARTED


def _is_across(barrier: str, one: EndClass, other: EndClass) -> bool:
    near, far = f"barrier/{barrier}/0", f"barrier/{barrier}/1"
    return (near in one.groups and far in other.groups) or (far in one.groups and near in other.groups)


def _is_unlisted(allow: str, one: EndClass, other: EndClass) -> bool:
    who, reaches = f"allow/{allow}/who", f"allow/{allow}/reaches"
    return (who in one.groups and reaches not in other.groups) or (
        who in other.groups and reaches not in one.groups
    )


def _groups(firm: Enterprise) -> Iterator[tuple[str, Group]]:
    for barrier in firm.barriers:
        for number, side in enumerate(barrier.sides):
            yield f"barrier/{barrier.id}/{number}", side
    for allow in firm.allow_lists:
        yield f"allow/{allow.id}/who", allow.who
        yield f"allow/{allow.id}/reaches", allow.reaches
    for room in firm.rooms:
        if room.entry is not None:
            yield _gate(room), room.entry


def _gate(room: Room) -> str:
    if room.entry is None:
        return ""
    entry = room.entry
    return f"room/{sorted(entry.desks)}{sorted(entry.people)}{sorted(entry.roles)}"


def _holds(group: Group, person: Person, *, keeps: bool) -> bool:
    roles = person.roles | person.unapproved if keeps else person.roles
    return (
        person.jid in group.people
        or (person.desk is not None and person.desk in group.desks)
        or not group.roles.isdisjoint(roles)
    )


# --- who is on no list ---


def _make_up(directory: Directory, name: str, domain: Domain) -> BareJid:
    """Make up an address of a domain that nobody has."""
    number = 0
    while (jid := BareJid(f"{name}{number or ''}@{domain}")) in directory.members:
        number += 1
    return jid


def _strangers(directory: Directory) -> Iterator[BareJid]:
    """Yield two strangers, and of each site those whose domain or name could be mistaken for one of its."""
    yield BareJid(f"somebody@{STRANGER_DOMAIN}")
    yield BareJid(f"somebody-else@{STRANGER_DOMAIN}")
    for firm in directory.enterprises:
        for site in firm.sites:
            for domain in (f"stranger.{site.domain}", f"{site.domain}.{STRANGER_DOMAIN}"):
                if domain not in directory.members:
                    yield BareJid(f"somebody@{domain}")
        for person in firm.people[:1]:
            yield BareJid(f"{person.jid.partition('@')[0]}@{STRANGER_DOMAIN}")
