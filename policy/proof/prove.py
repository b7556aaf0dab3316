"""Proves that nobody reaches whom they must not: tries every path, and gives what passes as a counterexample."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from policy.address import BareJid
from policy.decide import decide
from policy.decision import Action, Decision
from policy.directory.directory import Directory
from policy.facts import StanzaFacts, Way
from policy.paths import PATHS, Closed, Path, Template, Through, fill_facts, render_stanza
from policy.paths import Ends as PathEnds
from policy.proof.ends import EndClass, Ends, Relation, RoomClass
from policy.reach.occupancy import NOBODY, Occupancy

MAX_COUNTEREXAMPLES = 100
MAX_OF_A_PATH = 5

_MESSAGE = Template("<message type='chat' to='{target}'><body>Copper?</body></message>")
_BODY = ("{jabber:client}body",)

Decide = Callable[[Directory, StanzaFacts, Occupancy], Decision]
Progress = Callable[[int, int], None]
"""Told how much is done, of how much."""


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A stanza that passes and must not; `rules` are the ids of the rules that it was let through with."""

    path: str
    way: Way
    sender: str
    target: BareJid
    relation: str
    stanza: str
    rules: tuple[str, ...]


@dataclass(slots=True)
class Proof:
    """What was tried and what came of it; `pairs` counts ordered pairs of people, by why they must not reach.

    `counterexamples` has some of the `holes`: MAX_OF_A_PATH of each path, MAX_COUNTEREXAMPLES in all. `elsewhere` are
    the paths that policy does not close: the server does, or there is nothing to close.
    """

    people: int = 0
    classes: int = 0
    rooms: int = 0
    paths: int = 0
    elsewhere: tuple[str, ...] = ()
    pairs: dict[Relation, int] = field(default_factory=dict)
    decisions: int = 0
    holes: int = 0
    counterexamples: list[Counterexample] = field(default_factory=list)


def _decide(directory: Directory, facts: StanzaFacts, present: Occupancy) -> Decision:
    return decide(directory, facts, None, present)


def prove(
    directory: Directory,
    decide_: Decide = _decide,
    progress: Progress = lambda _done, _all: None,
    paths: Sequence[Path] = PATHS,
) -> Proof:
    """Try each path between people of each two classes, and a message between each two people.

    Decisions know of people no more than their class (policy.proof.ends), but for their names; so that a name cannot
    matter unnoticed, the people who stand for a class take turns, and a message is tried for all.
    """
    return _Prover(directory, decide_, paths).run(progress)


class _Prover:
    def __init__(self, directory: Directory, decide_: Decide, paths: Sequence[Path]) -> None:
        self._directory = directory
        self._decide = decide_
        self._ends = Ends(directory)
        decided = [path for path in paths if path.closed in (Closed.GATE, Closed.BORDER)]
        self._by_through = {
            through: [path for path in decided if path.through is through] for through in Through
        }
        self._turn = 0
        self._noted: Counter[str] = Counter()
        self.proof = Proof(
            people=len(directory.people),
            classes=len(self._ends.people),
            rooms=sum(map(len, self._ends.rooms.values())),
            paths=len(decided),
            elsewhere=tuple(path.id for path in paths if path not in decided),
        )

    def run(self, progress: Progress) -> Proof:
        classes, rooms = list(self._ends.people), list(self._ends.rooms)
        steps = len(classes) * len(classes) + len(classes) * len(rooms)
        done = 0
        for one, other in product(classes, repeat=2):
            relation = self._ends.relate(one, other)
            if relation is not None:
                self._try_classes(one, other, relation)
            done += 1
            progress(done, steps)
        for end, room in product(classes, rooms):
            self._try_room(end, room)
            done += 1
            progress(done, steps)
        return self.proof

    # --- from person to person ---

    def _try_classes(self, one: EndClass, other: EndClass, relation: Relation) -> None:
        senders, targets = self._ends.people[one], self._ends.people[other]
        count = len(senders) * len(targets) - (len(senders) if one == other else 0)
        if not count:
            return
        self.proof.pairs[relation] = self.proof.pairs.get(relation, 0) + count
        self._try_message(senders, targets, relation)
        own_room = self._room_of(one)
        throughs = [Through.PERSON, Through.NAME]
        if one.enterprise != other.enterprise or not one.listed:
            throughs.append(Through.SERVER)
        for path in (path for through in throughs for path in self._by_through[through]):
            sender, target = self._take_turns(senders, targets)
            self._try(path, path.templates, _places(sender, target, "", own_room), relation)

    def _try_message(self, senders: list[BareJid], targets: list[BareJid], relation: Relation) -> None:
        """Try a plain message between each two: what is decided by somebody's very name shows here."""
        for sender, target in product(senders, targets):
            if sender != target:
                facts = StanzaFacts(Way.C2S, "message", "chat", f"{sender}/desk", target, _BODY, "Copper?")
                decision = self._decide(self._directory, facts, NOBODY)
                self.proof.decisions += 1
                if decision.action is not Action.REFUSE:
                    self._note("message", _MESSAGE, facts, _places(sender, target), relation, decision)

    def _take_turns(self, senders: list[BareJid], targets: list[BareJid]) -> tuple[BareJid, BareJid]:
        """Give the next two who stand for their classes, not one person twice."""
        self._turn += 1
        sender = senders[self._turn % len(senders)]
        target = targets[self._turn // len(senders) % len(targets)]
        if sender == target:
            target = next(each for each in targets if each != sender)
        return sender, target

    def _room_of(self, end: EndClass) -> str:
        """Find a room that people of a class may enter, rather one without a chaperone."""
        open_ = [room for room in self._ends.rooms if self._ends.may_enter(end, room)]
        return self._ends.rooms[min(open_, key=lambda room: room.chaperoned)][0] if open_ else ""

    # --- through rooms ---

    def _try_room(self, end: EndClass, room: RoomClass) -> None:
        """Try a room on who may not enter it, or whether it brings together whom nothing else may."""
        senders, rooms = self._ends.people[end], self._ends.rooms[room]
        self._turn += 1
        sender, place = senders[self._turn % len(senders)], rooms[self._turn % len(rooms)]
        occupants = [
            (self._ends.relate(end, other), target)
            for other, people in self._ends.people.items()
            if self._ends.may_enter(other, room)
            for target in people[:2]
            if target != sender
        ]
        occupants.sort(
            key=lambda occupant: occupant[0] is None
        )  # rather somebody whom the sender must not reach
        if not self._ends.may_enter(end, room):
            for relation, target in occupants[:1] or [(None, BareJid(f"nobody@{end.domain}"))]:
                places = _places(sender, target, place, self._room_of(end))
                for path in self._by_through[Through.ROOM]:
                    self._try(path, path.templates, places, relation or Relation.NOT_LET_IN)
            return
        for relation, target in occupants:
            if relation is not None:
                self._try_meeting(_places(sender, target, place), relation, place, chaperoned=room.chaperoned)

    def _try_meeting(
        self, places: Mapping[str, str], relation: Relation, room: BareJid, *, chaperoned: bool
    ) -> None:
        """Both may enter: nothing may pass between them there without a chaperone, and in private not even so."""
        for path in self._by_through[Through.ROOM]:
            if path.closed is not Closed.GATE:
                continue
            if not chaperoned:
                self._try(path, path.templates, places, relation)
                continue
            self._try(path, [each for each in path.templates if _speaks(each.facts)], places, relation)
            private = [
                each for each in path.templates if each.facts.kind == "message" and "/" in each.facts.to
            ]
            self._try(path, private, places, relation, self._chaperone_in(room))

    def _chaperone_in(self, room: BareJid) -> Occupancy:
        chaperoned = self._directory.borders.chaperoned.get(room)
        people = chaperoned.chaperones if chaperoned else frozenset()
        return Occupancy(frozenset((f"{room}/{jid}", f"{jid}/desk") for jid in people))

    # --- one stanza ---

    def _try(
        self,
        path: Path,
        templates: Sequence[Template],
        places: Mapping[str, str],
        relation: Relation,
        present: Occupancy = NOBODY,
    ) -> None:
        for template, way in product(templates, path.ways):
            if not template.needs <= places.keys():
                continue
            facts = fill_facts(template, way, places)
            decision = self._decide(self._directory, facts, present)
            self.proof.decisions += 1
            if decision.action is not Action.REFUSE:
                self._note(path.id, template, facts, places, relation, decision)

    def _note(
        self,
        path: str,
        template: Template,
        facts: StanzaFacts,
        places: Mapping[str, str],
        relation: Relation,
        decision: Decision,
    ) -> None:
        self.proof.holes += 1
        self._noted[path] += 1
        if self._noted[path] <= MAX_OF_A_PATH and len(self.proof.counterexamples) < MAX_COUNTEREXAMPLES:
            stanza = render_stanza(template, places, "1")
            target = BareJid(places["target"])
            found = Counterexample(path, facts.way, facts.sender, target, relation, stanza, decision.rules)
            self.proof.counterexamples.append(found)


def _places(sender: BareJid, target: BareJid, room: str = "", own_room: str = "") -> dict[str, str]:
    return PathEnds(f"{sender}/desk", target, room, own_room).places()


def _speaks(facts: StanzaFacts) -> bool:
    """Tell whether a stanza tells the occupants of `{room}` something: what a chaperone must be present for."""
    if not facts.to.startswith("{room}"):
        return False
    if facts.kind == "presence":
        return facts.type != "unavailable"
    return facts.kind == "message"
