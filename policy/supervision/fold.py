"""The state of all items, made of nothing but the acts on them in the order in which they were recorded."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from policy.supervision.act import ActKind, digest_act
from policy.supervision.item import Entry, ItemStatus, apply_act, find_act_problem, reject_act
from policy.supervision.once import Once
from policy.supervision.reviewer import Parties, Reviewer, Role


@dataclass(frozen=True, slots=True)
class Bench:
    """Who reviews, by id, and between whom an item was said: None if nobody knows.

    `anybody`: the site lists no reviewers, so that whoever acted was one.
    """

    reviewers: Mapping[str, Reviewer]
    find_parties: Callable[[str], Parties | None]
    anybody: bool = False

    def find(self, id_: str) -> Reviewer | None:
        """Return a reviewer by id."""
        if self.anybody:
            return Reviewer(id_, id_, frozenset(Role), None)
        return self.reviewers.get(id_)


@dataclass(slots=True)
class Fold:
    """The items that acts were about, by their records' ids."""

    bench: Bench
    items: dict[str, ItemStatus] = field(default_factory=dict)
    _once: Once = field(default_factory=Once)

    def find(self, item: str) -> ItemStatus:
        """Return the state of an item: nobody has done anything about most of them."""
        return self.items.get(item) or ItemStatus(item)

    def find_problem(self, entry: Entry) -> str:
        """Return why an act would count for nothing now, or nothing."""
        act = entry.act
        if entry.problem:
            return entry.problem
        if problem := self._once.find_problem(digest_act(act), act.at_s, entry.at_ns):
            return problem
        reviewer = self.bench.find(act.by)
        if reviewer is None:
            return f"{act.by} is not listed"
        if act.kind is ActKind.ASSIGN and self.bench.find(act.to) is None:
            return f"{act.to} is not listed"
        return find_act_problem(self.find(act.item), act, reviewer, self.bench.find_parties(act.item))

    def add(self, entry: Entry) -> str:
        """Add the next recorded act; return why it counts for nothing, or nothing."""
        status, problem = self.find(entry.act.item), self.find_problem(entry)
        after = reject_act(status, entry, problem) if problem else apply_act(status, entry)
        self.items[entry.act.item] = after
        if not entry.problem:
            self._once.add(digest_act(entry.act))
        return problem


def fold_acts(entries: Iterable[Entry], bench: Bench) -> Fold:
    """Return what recorded acts, in the log's order, lead to."""
    fold = Fold(bench)
    for entry in entries:
        fold.add(entry)
    return fold
