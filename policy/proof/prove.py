"""Proves that nobody reaches people whom they must not reach: tries every path, and returns counterexamples."""

from collections.abc import Callable, Sequence
from itertools import product

from policy.address import BareJid
from policy.decide import decide
from policy.decision import Decision
from policy.directory.directory import Directory
from policy.facts import StanzaFacts, Way
from policy.paths import PATHS, Closed, Path, Template, Through
from policy.proof.ends import EndClass, Ends, Relation
from policy.proof.rooms import RoomTrial
from policy.proof.trial import Between, Decide, Proof, Trial
from policy.reach.occupancy import Occupancy
from policy.reach.partition import Partition, partition

_MESSAGE = Template("<message type='chat' to='{target}'><body>Copper?</body></message>")
_BODY = ("{jabber:client}body",)

Progress = Callable[[int, int], None]
"""Called with the finished and the total amount of work."""


def _decide(directory: Directory, facts: StanzaFacts, present: Occupancy) -> Decision:
    return decide(directory, facts, None, present)


def prove(
    directory: Directory,
    decide_: Decide = _decide,
    progress: Progress = lambda _done, _all: None,
    paths: Sequence[Path] = PATHS,
    partition_: Callable[[Directory], Partition] = partition,
) -> Proof:
    """Try what must not pass in a directory, with the decisions on stanzas and with the adapter's table.

    Who must not reach whom is read from the tables (policy.proof.ends). Tried are:

    - a message and the adapter's table between each two people;
    - the plain paths (join, write, be told, be invited; and where two meet, write and whisper) and the adapter's table
      between each person and each room;
    - each path between each two classes of people, from each class to each class of rooms and to each server of
      another enterprise, and to each room by somebody.

    This assumes that on paths that are not plain decisions know of a person or a room no more than their class
    (EndClass, RoomClass). Those who stand for a class take turns, so that a name that matters on such a path alone is
    found only if it has its turn. docs/borders.md, section 6, says what else is assumed.
    """
    return _Prover(directory, decide_, partition_(directory), paths).run(progress)


class _Prover:
    def __init__(
        self, directory: Directory, decide_: Decide, table: Partition, paths: Sequence[Path]
    ) -> None:
        self._ends = Ends(directory)
        decided = [path for path in paths if path.closed in (Closed.GATE, Closed.BORDER)]
        self._to_people = [path for path in decided if path.through in (Through.PERSON, Through.NAME)]
        self._to_servers = [path for path in decided if path.through is Through.SERVER]
        self._turn = 0
        self.proof = Proof(
            people=len(directory.people),
            classes=len(self._ends.people),
            rooms=sum(map(len, self._ends.rooms.values())),
            paths=len(decided),
            elsewhere=tuple(path.id for path in paths if path not in decided),
        )
        self._trial = Trial(directory, decide_, table, self.proof)
        self._rooms = RoomTrial(self._ends, self._trial, decided)

    def run(self, progress: Progress) -> Proof:
        classes, done = list(self._ends.people), 0
        steps = len(classes) * len(classes) + len(classes) + self.proof.rooms
        for one, other in product(classes, repeat=2):
            relation = self._ends.relate(one, other)
            if relation is not None:
                self._try_classes(one, other, relation)
            progress(done := done + 1, steps)
        for end in classes:
            self._try_servers(end)
            progress(done := done + 1, steps)
        for _ in self._rooms.try_all():
            progress(done := done + 1, steps)
        return self.proof

    def _try_classes(self, one: EndClass, other: EndClass, relation: Relation) -> None:
        senders, targets = self._ends.people[one], self._ends.people[other]
        count = len(senders) * len(targets) - (len(senders) if one == other else 0)
        if not count:
            return
        self.proof.pairs[relation] = self.proof.pairs.get(relation, 0) + count
        self._try_everybody(senders, targets, relation)
        own_room = self._ends.find_room(one)
        for path in self._to_people:
            sender, target = self._take_turns(senders, targets)
            self._trial.try_paths([path], Between(sender, target, relation, own_room=own_room))

    def _try_everybody(self, senders: list[BareJid], targets: list[BareJid], relation: Relation) -> None:
        """Try a plain message between each two people, which finds decisions by a person's own name."""
        for sender, target in product(senders, targets):
            if sender != target:
                facts = StanzaFacts(Way.C2S, "message", "chat", f"{sender}/desk", target, _BODY, "Copper?")
                between = Between(sender, target, relation)
                self._trial.try_stanza("message", _MESSAGE, facts, between)
                self._trial.try_table(between)

    def _take_turns(self, senders: list[BareJid], targets: list[BareJid]) -> tuple[BareJid, BareJid]:
        """Return the next two people for their classes, never the same person twice."""
        self._turn += 1
        sender = senders[self._turn % len(senders)]
        target = targets[self._turn // len(senders) % len(targets)]
        if sender == target:
            target = next(each for each in targets if each != sender)
        return sender, target

    def _try_servers(self, end: EndClass) -> None:
        """Try each path on each server that is not of their enterprise: sites, rooms and other components."""
        people = self._ends.people[end]
        for domain in self._ends.servers:
            relation = self._ends.relate_server(end, domain)
            if relation is not None:
                self._turn += 1
                # A room makes its domain that of the target's rooms: a server is asked as such, too.
                between = Between(people[self._turn % len(people)], domain, relation, f"any@{domain}")
                self._trial.try_paths(self._to_servers, between)
