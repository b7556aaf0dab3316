"""Rooms tried: on who may not enter them, and on whether they bring together whom nothing else may."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from policy.address import BareJid
from policy.facts import StanzaFacts, Way
from policy.paths import Closed, Path, Through
from policy.proof.ends import EndClass, Ends, Relation, RoomClass
from policy.proof.trial import Between, Trial
from policy.reach.occupancy import NOBODY, Occupancy

_One = TypeVar("_One")
_Other = TypeVar("_Other")


@dataclass(frozen=True, slots=True)
class _Paths:
    """Paths into the target's room, those that bring the target into the sender's, and those between occupants."""

    enter: Sequence[Path]
    invite: Sequence[Path]
    meet: Sequence[Path]


@dataclass(frozen=True, slots=True)
class _Visit:
    """Who may not enter a room, whom they would meet there first of all, and who there would invite them."""

    end: EndClass
    met: EndClass | None
    host: EndClass | None


@dataclass(frozen=True, slots=True)
class _Meeting:
    """Two who may both enter a room, and must not reach each other."""

    end: EndClass
    other: EndClass
    relation: Relation


@dataclass(frozen=True, slots=True)
class _Room:
    """A room with its chaperones there, and with everybody else there while they are asleep or in another room."""

    jid: BareJid
    chaperoned: bool
    watched: Occupancy = NOBODY
    unwatched: Occupancy = NOBODY


class RoomTrial:
    """Tries every path on each class of people and on each room, and the plain ones on each person in each room."""

    def __init__(self, ends: Ends, trial: Trial, paths: Sequence[Path]) -> None:
        self._ends = ends
        self._trial = trial
        through = [path for path in paths if path.through is Through.ROOM]
        invite = ("room-invite", "room-member", "direct-invite")
        self._all = _Paths(
            [_by_every_way(path) if path.id == "room-told" else path for path in through],
            [path for path in paths if path.id in invite],
            [path for path in through if path.closed is Closed.GATE],
        )
        self._plain = _Paths(
            [_thin(path) for path in paths if path.id in ("room-join", "room-message", "room-told")],
            [_thin(path) for path in paths if path.id == "room-invite"],
            [_thin(path) for path in paths if path.id in ("room-message", "room-private")],
        )

    def try_all(self) -> Iterator[BareJid]:
        """Try all rooms, and yield each that is done with."""
        for kind in self._ends.rooms:
            yield from self._try_kind(kind)

    def _try_kind(self, kind: RoomClass) -> Iterator[BareJid]:
        insiders = [end for end in self._ends.people if self._ends.may_enter(end, kind)]
        outsiders = [end for end in self._ends.people if end not in insiders]
        visits = [self._plan_visit(end, insiders) for end in outsiders]
        meetings = [each for end in insiders for each in self._find_meetings(end, insiders)]
        rooms = [self._furnish(jid, kind, insiders) for jid in self._ends.rooms[kind]]
        for turn, visit, room in _pair_up(visits, rooms):
            self._visit(visit, self._pick(visit.end, turn), room, self._all)
        for turn, meeting, room in _pair_up(meetings, rooms):
            self._meet(meeting, self._pick(meeting.end, turn), room, self._all)
        for room in rooms:
            self._try_everybody(room, visits, {each.end: each for each in meetings}.values())
            yield room.jid

    def _try_everybody(self, room: _Room, visits: Iterable[_Visit], meetings: Iterable[_Meeting]) -> None:
        """Try the plain paths on a room by each person: what is decided by a very name shows here."""
        for visit in visits:
            for person in self._ends.people[visit.end]:
                self._visit(visit, person, room, self._plain)
                self._trial.try_table(Between(room.jid, person, Relation.NOT_LET_IN))
        for meeting in meetings:
            for person in self._ends.people[meeting.end]:
                self._meet(meeting, person, room, self._plain)

    # --- who is with whom ---

    def _plan_visit(self, end: EndClass, insiders: Sequence[EndClass]) -> _Visit:
        anybody = insiders[0] if insiders else None
        met = next((each for each in insiders if self._ends.relate(end, each)), anybody)
        # An invitation from somebody who must not reach them is refused for that alone.
        host = next((each for each in insiders if not self._ends.relate(end, each)), anybody)
        return _Visit(end, met, host)

    def _find_meetings(self, end: EndClass, insiders: Iterable[EndClass]) -> Iterator[_Meeting]:
        for other in insiders:
            relation = self._ends.relate(end, other)
            if relation is not None and (end != other or len(self._ends.people[end]) > 1):
                yield _Meeting(end, other, relation)

    def _furnish(self, jid: BareJid, kind: RoomClass, insiders: Iterable[EndClass]) -> _Room:
        if not kind.chaperoned:
            return _Room(jid, False)
        chaperones = [
            each for end in insiders if self._ends.may_watch(end) for each in self._ends.people[end]
        ]
        others = [self._ends.people[end][0] for end in insiders if not self._ends.may_watch(end)]
        elsewhere = self._ends.find_other_chaperoned(jid)
        unwatched = [
            *((f"{jid}/{each}", f"{each}/desk") for each in others),
            *((f"{jid}/{each}", f"{each}/asleep") for each in chaperones),
            *((f"{elsewhere}/{each}", f"{each}/desk") for each in chaperones if elsewhere),
        ]
        return _Room(
            jid,
            True,
            Occupancy(frozenset((f"{jid}/{each}", f"{each}/desk") for each in chaperones)),
            Occupancy(frozenset(unwatched), frozenset(f"{each}/asleep" for each in chaperones)),
        )

    def _pick(self, end: EndClass, turn: int, besides: str = "") -> BareJid:
        """Return one who stands for their class, and is not `besides`."""
        people = [each for each in self._ends.people[end] if each != besides]
        return people[turn % len(people)]

    # --- what is tried ---

    def _visit(self, visit: _Visit, person: BareJid, room: _Room, paths: _Paths) -> None:
        """Let somebody who may not enter try it, and be invited."""
        met, relation = f"nobody@{visit.end.domain}", Relation.NOT_LET_IN
        if visit.met:
            met = self._ends.people[visit.met][0]
            relation = self._ends.relate(visit.end, visit.met) or relation
        own_room = self._ends.find_room(visit.end)
        self._trial.try_paths(paths.enter, Between(person, met, relation, room.jid, own_room))
        if visit.host:
            between = Between(
                self._ends.people[visit.host][0], person, Relation.NOT_LET_IN, own_room=room.jid
            )
            self._trial.try_paths(paths.invite, between, room.watched)

    def _meet(self, meeting: _Meeting, person: BareJid, room: _Room, paths: _Paths) -> None:
        """Both may enter: nothing may pass between them there without a chaperone, and in private not even so."""
        other = self._pick(meeting.other, 0, person)
        between = Between(person, other, meeting.relation, room.jid, room.jid)
        if not room.chaperoned:
            self._trial.try_paths(paths.meet, between)
            return
        self._trial.try_paths(paths.meet, between, room.unwatched, _speaks)
        self._trial.try_paths(paths.meet, between, room.watched, _whispers)
        self._trial.try_paths(paths.invite, between, room.watched)


def _by_every_way(path: Path) -> Path:
    """Return a path of what a room says, by each way that it can come from a room of this site or another."""
    return replace(path, ways=(Way.SERVER, Way.S2S, Way.COMPONENT))


def _thin(path: Path) -> Path:
    """Return the path with nothing but its first stanza, by its first way."""
    return replace(path, templates=path.templates[:1], ways=path.ways[:1])


def _pair_up(ones: Sequence[_One], others: Sequence[_Other]) -> Iterator[tuple[int, _One, _Other]]:
    """Yield pairs until each of both has been in one, with their number; none where either is empty."""
    if ones and others:
        for number in range(max(len(ones), len(others))):
            yield number, ones[number % len(ones)], others[number % len(others)]


def _speaks(facts: StanzaFacts) -> bool:
    """Return whether a stanza says something to the occupants of `{room}`: a chaperone must be present for it."""
    if not facts.to.startswith("{room}"):
        return False
    if facts.kind == "presence":
        return facts.type != "unavailable"
    return facts.kind == "message"


def _whispers(facts: StanzaFacts) -> bool:
    """Return whether a stanza says something to one occupant of `{room}`."""
    return facts.kind == "message" and "/" in facts.to
