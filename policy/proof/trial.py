"""One stanza tried: it is decided on, and what passes is kept as a counterexample."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import product
from typing import NamedTuple

from policy.address import BareJid, bare
from policy.decision import Action, Decision
from policy.directory.directory import Directory
from policy.facts import StanzaFacts, Way
from policy.paths import Path, PathEnds, Template, fill_facts, render_stanza
from policy.proof.ends import Relation
from policy.proof.table import BorderTable
from policy.reach.occupancy import NOBODY, Occupancy
from policy.reach.partition import Partition

MAX_COUNTEREXAMPLES = 100
MAX_OF_A_PATH = 5

_MADE = Template("<presence from='{own}' to='{target}'/>")

Decide = Callable[[Directory, StanzaFacts, Occupancy], Decision]


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


class Between(NamedTuple):
    """Who is at the ends of a stanza, by their bare JIDs, and through which rooms it goes; empty where through none.

    `relation` is why the one must not reach the other, `room` is the target's, `own_room` the sender's.
    """

    sender: str
    target: str
    relation: Relation
    room: str = ""
    own_room: str = ""

    def places(self) -> dict[str, str]:
        """Return what stands for each placeholder of a template, where the sender is at their desk."""
        return PathEnds(f"{self.sender}/desk", BareJid(self.target), self.room, self.own_room).places()


class Trial:
    """Tries stanzas that must not pass, as if everybody had acknowledged that the line is recorded.

    They may do so at any time, and no rule changes then. What those send who have not is decided on twice: as it is
    now, too.
    """

    def __init__(self, directory: Directory, decide_: Decide, table: Partition, proof: Proof) -> None:
        self._directory = directory
        self._informed = replace(directory, uninformed=frozenset())
        self._decide = decide_
        self._table = BorderTable(table)
        self._proof = proof
        self._noted: Counter[str] = Counter()

    def try_paths(
        self,
        paths: Iterable[Path],
        between: Between,
        present: Occupancy = NOBODY,
        counts: Callable[[StanzaFacts], bool] = lambda _facts: True,
    ) -> None:
        """Try the stanzas of these paths that count, by each of their ways.

        Left out are those that go through a room where there is none.
        """
        places = between.places()
        for path in paths:
            for template, way in product(path.templates, path.ways):
                if template.needs <= places.keys() and counts(template.facts):
                    facts = fill_facts(template, way, places)
                    self.try_stanza(path.id, template, facts, between, present)

    def try_stanza(
        self,
        path: str,
        template: Template,
        facts: StanzaFacts,
        between: Between,
        present: Occupancy = NOBODY,
    ) -> None:
        """Try one stanza: `facts` are those of `template`, filled in."""
        decision = self._decide(self._informed, facts, present)
        self._proof.decisions += 1
        if self._directory.uninformed and bare(facts.sender) in self._directory.uninformed:
            self._proof.decisions += 1
            if decision.action is Action.REFUSE:
                decision = self._decide(self._directory, facts, present)
        if decision.action is not Action.REFUSE:
            self._note(path, template, facts, between, decision.rules)

    def try_table(self, between: Between) -> None:
        """Try what the server makes itself, which the adapter holds to its table."""
        if self._table.lets_pass(BareJid(between.sender), BareJid(between.target)):
            places = between.places()
            facts = fill_facts(_MADE, Way.SERVER, places)
            self._note("adapter-table", _MADE, facts, between, ())

    def _note(
        self, path: str, template: Template, facts: StanzaFacts, between: Between, rules: tuple[str, ...]
    ) -> None:
        self._proof.holes += 1
        self._noted[path] += 1
        found = self._proof.counterexamples
        if self._noted[path] <= MAX_OF_A_PATH and len(found) < MAX_COUNTEREXAMPLES:
            stanza = render_stanza(template, between.places(), "1")
            target, why = BareJid(between.target), between.relation
            found.append(Counterexample(path, facts.way, facts.sender, target, why, stanza, rules))
