"""Computes the borders inside an enterprise once: who is kept from whom, and who may enter which room."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, permutations
from typing import TypeVar

from policy.address import BareJid
from policy.directory.enterprise import DeskId, Enterprise, Group, Person, Role, Room
from policy.reach.exception import BarrierException

_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Standing:
    """A person's position to the barriers and allow lists of their enterprise, as sets of bits.

    `sides` has a bit for each side of a barrier that they are on, `opposite` that of its other side; `bound` a bit
    for each allow list that binds them, `unlisted` for each that does not list them.
    """

    sides: int = 0
    opposite: int = 0
    bound: int = 0
    unlisted: int = 0

    def is_barred(self, other: "Standing") -> bool:
        """Return whether a barrier is between the two: symmetric, for a side and its opposite are two bits."""
        return bool(self.opposite & other.sides)

    def is_unlisted(self, other: "Standing") -> bool:
        """Return whether an allow list of either of the two leaves out the other."""
        return bool(self.bound & other.unlisted or other.bound & self.unlisted)


FREE = Standing()
"""The standing of a person without any barrier or allow list."""


@dataclass(frozen=True, slots=True)
class ChaperonedRoom:
    """`watched` people may write in a chaperoned room only while one of `chaperones` is present."""

    watched: frozenset[BareJid]
    chaperones: frozenset[BareJid]


@dataclass(frozen=True, slots=True)
class Borders:
    """The result of all barriers, allow lists, rooms and exceptions; every look-up is one access to a dict.

    `standings` has everybody who is not FREE. `entrants` has the rooms that are not open to all of their enterprise.
    `excepted` has each pair of people who may talk across barriers, in both orders.
    """

    standings: Mapping[BareJid, Standing] = field(default_factory=dict)
    entrants: Mapping[BareJid, frozenset[BareJid]] = field(default_factory=dict)
    chaperoned: Mapping[BareJid, ChaperonedRoom] = field(default_factory=dict)
    excepted: frozenset[tuple[BareJid, BareJid]] = frozenset()

    def keeps_apart(self, one: BareJid, other: BareJid) -> bool:
        """Return whether two people of one enterprise may not reach each other; symmetric."""
        first, second = self.standings.get(one, FREE), self.standings.get(other, FREE)
        barred, unlisted = first.is_barred(second), first.is_unlisted(second)
        if (not barred and not unlisted) or one == other:
            return False
        return unlisted or (one, other) not in self.excepted

    def closes(self, room: BareJid, person: BareJid) -> bool:
        """Return whether a person of a room's enterprise may not enter it."""
        entrants = self.entrants.get(room)
        return entrants is not None and person not in entrants


def assign_borders(enterprises: Iterable[Enterprise], exceptions: Iterable[BarrierException] = ()) -> Borders:
    """Return the borders of all enterprises; `exceptions` are those in force."""
    standings: dict[BareJid, Standing] = {}
    entrants: dict[BareJid, frozenset[BareJid]] = {}
    chaperoned: dict[BareJid, ChaperonedRoom] = {}
    for firm in enterprises:
        own = assign_standings(firm)
        standings |= own
        for room, people in assign_entrants(firm, own):
            entrants[room.jid] = people
            if room.chaperoned:
                chaperoned[room.jid] = _watch(firm, own, people)
    pairs = (pair for each in exceptions for pair in permutations(each.people, 2))
    return Borders(standings, entrants, chaperoned, frozenset(pairs))


def assign_standings(firm: Enterprise) -> dict[BareJid, Standing]:
    """Return the standing of everybody in an enterprise who is not FREE; equal ones are one object."""
    if not firm.barriers and not firm.allow_lists:
        return {}
    roll = Roll(firm)
    bits: dict[BareJid, list[int]] = {person.jid: [0, 0, 0, 0] for person in firm.people}
    for number, barrier in enumerate(firm.barriers):
        side, opposite = 1 << 2 * number, 2 << 2 * number
        for group, own, other in ((barrier.sides[0], side, opposite), (barrier.sides[1], opposite, side)):
            for jid in roll.find_all(group):
                bits[jid][0] |= own
                bits[jid][1] |= other
    for number, allow in enumerate(firm.allow_lists):
        for jid in roll.find_all(allow.who):
            bits[jid][2] |= 1 << number
        for jid in roll.everybody - roll.find(allow.reaches):
            bits[jid][3] |= 1 << number
    known: dict[tuple[int, ...], Standing] = {}
    return {
        jid: known.setdefault(key, Standing(*key))
        for jid, each in bits.items()
        if any(key := (each[0], each[1], each[2], each[3]))
    }


def assign_entrants(
    firm: Enterprise, standings: Mapping[BareJid, Standing]
) -> Iterator[tuple[Room, frozenset[BareJid]]]:
    """Yield who may enter each room that is not open to all of its enterprise.

    If there is no list, the room is closed to people whom it could bring together with people they are kept from:
    people on a side of a barrier, and people whom an allow list binds. In a chaperoned room, chaperoned barriers do
    not count. This looks only at the rules, not at who is there, so that nobody's departure opens a room.
    """
    roll = Roll(firm)
    strict = _strict_sides(firm)
    shared: dict[bool, frozenset[BareJid]] = {}
    for room in firm.rooms:
        if room.entry is not None:
            yield room, roll.find(room.entry)
        elif standings or room.chaperoned:
            if room.chaperoned not in shared:
                counts = strict if room.chaperoned else ~0
                shared[room.chaperoned] = frozenset(
                    jid
                    for jid in roll.everybody
                    if not (found := standings.get(jid, FREE)).sides & counts and not found.bound
                )
            yield room, shared[room.chaperoned]


def find_meetings(
    firm: Enterprise, room: Room, entrants: frozenset[BareJid], standings: Mapping[BareJid, Standing]
) -> Iterator[tuple[BareJid, BareJid]]:
    """Yield pairs of people who may enter a room and must not meet there, an example for each two standings."""
    strict = _strict_sides(firm) if room.chaperoned else ~0
    examples: dict[Standing, list[BareJid]] = {}
    for jid in sorted(entrants):
        examples.setdefault(standings.get(jid, FREE), []).append(jid)
    for one, other in combinations(examples, 2):
        if one.opposite & strict & other.sides or one.is_unlisted(other):
            yield examples[one][0], examples[other][0]
    for standing, people in examples.items():
        if len(people) > 1 and (
            standing.opposite & strict & standing.sides or standing.is_unlisted(standing)
        ):
            yield people[0], people[1]


class Roll:
    """An enterprise's people by desk and role, to find those of a group at once."""

    def __init__(self, firm: Enterprise) -> None:
        self.everybody = frozenset(person.jid for person in firm.people)
        self._by_desk = _sort(firm.people, _desk_of)
        self._by_role = _sort(firm.people, _roles_of)
        self._by_unapproved = _sort(firm.people, _unapproved_of)

    def find(self, group: Group) -> frozenset[BareJid]:
        """Return the people of a group who are in the enterprise, as a group that something is given to."""
        found = set(group.people) & self.everybody
        for desk in group.desks:
            found |= self._by_desk.get(desk, set())
        for role in group.roles:
            found |= self._by_role.get(role, set())
        return frozenset(found)

    def find_all(self, group: Group) -> frozenset[BareJid]:
        """Return those of a group that something is kept from: also by roles that are not approved yet."""
        unapproved = (self._by_unapproved.get(role, set()) for role in group.roles)
        return self.find(group).union(*unapproved)


def _desk_of(person: Person) -> tuple[DeskId, ...]:
    return (person.desk,) if person.desk else ()


def _roles_of(person: Person) -> frozenset[Role]:
    return person.roles


def _unapproved_of(person: Person) -> frozenset[Role]:
    return person.unapproved


def _sort(people: Iterable[Person], keys: Callable[[Person], Iterable[_Key]]) -> dict[_Key, set[BareJid]]:
    found: dict[_Key, set[BareJid]] = {}
    for person in people:
        for key in keys(person):
            found.setdefault(key, set()).add(person.jid)
    return found


def _strict_sides(firm: Enterprise) -> int:
    """Return the bits of the sides of all barriers that no chaperone opens."""
    return sum(3 << 2 * number for number, barrier in enumerate(firm.barriers) if not barrier.chaperoned)


def _watch(
    firm: Enterprise, standings: Mapping[BareJid, Standing], entrants: frozenset[BareJid]
) -> ChaperonedRoom:
    """Return who is watched in a chaperoned room and who chaperones: whoever is on a side of a barrier is watched.

    That holds whether or not somebody of its other side may enter, and whatever is excepted: nobody's departure and no
    exception may be what lets somebody speak there.
    """
    watched = frozenset(jid for jid in entrants if standings.get(jid, FREE).sides)
    chaperones = frozenset(
        person.jid
        for person in firm.people
        if Role.CHAPERONE in person.roles and person.jid in entrants and person.jid not in watched
    )
    return ChaperonedRoom(watched, chaperones)
