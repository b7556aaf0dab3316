"""An item of review as a state machine: which act is allowed in which state, by whom, and what it leads to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from policy.supervision.act import DECISIONS, Act, ActKind
from policy.supervision.reviewer import Parties, Reviewer, Role, find_reviewer_problem


class ItemState(StrEnum):
    """The state of an item; it begins as open."""

    OPEN = "open"
    CLAIMED = "claimed"
    ESCALATED = "escalated"
    CLOSED = "closed"


class Outcome(StrEnum):
    """What came of a decision on a held item: it was carried out, or waits for another person."""

    DONE = "done"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Entry:
    """An act as it was recorded: `record` is its record's id, `at_ns` the log's own time (Unix).

    `problem` says why it counts for nothing whatever the item's state is: it is not signed, or by nobody who is listed.
    `outcome` is that of a decision on a held item.
    """

    act: Act
    record: str
    at_ns: int
    problem: str = ""
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A recorded act in the history of its item; one with a `problem` has changed nothing."""

    entry: Entry
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ItemStatus:
    """What became of an item: `holder` has claimed it or was assigned it; `queues` are those that it was put into.

    `closed_at_ns` is when it was closed for the last time, 0 if never; `steps` are all acts on it.
    """

    item: str
    state: ItemState = ItemState.OPEN
    holder: str = ""
    disposition: str = ""
    queues: frozenset[str] = frozenset()
    steps: tuple[Step, ...] = ()
    closed_at_ns: int = 0
    closed_by: str = ""

    @property
    def escalations(self) -> int:
        """How often it was escalated."""
        return sum(not step.problem and step.entry.act.kind is ActKind.ESCALATE for step in self.steps)


REVIEWERS = frozenset({Role.REVIEWER, Role.LEAD})
LEADS = frozenset({Role.LEAD})
_WORKED_ON = {ItemState.OPEN: REVIEWERS, ItemState.CLAIMED: REVIEWERS, ItemState.ESCALATED: LEADS}
_ANY = {**_WORKED_ON, ItemState.ESCALATED: REVIEWERS, ItemState.CLOSED: REVIEWERS}

ALLOWED: Mapping[ActKind, Mapping[ItemState, frozenset[Role]]] = {
    ActKind.ADD: _ANY,
    ActKind.CLAIM: {ItemState.OPEN: REVIEWERS, ItemState.ESCALATED: LEADS},
    ActKind.UNCLAIM: {ItemState.CLAIMED: REVIEWERS},
    ActKind.ASSIGN: dict.fromkeys((ItemState.OPEN, ItemState.CLAIMED, ItemState.ESCALATED), LEADS),
    ActKind.NOTE: _ANY,
    ActKind.ESCALATE: {ItemState.OPEN: REVIEWERS, ItemState.CLAIMED: REVIEWERS},
    ActKind.CLOSE: _WORKED_ON,
    ActKind.REOPEN: {ItemState.CLOSED: LEADS},
    ActKind.RELEASE: _WORKED_ON,
    ActKind.REFUSE: _WORKED_ON,
}
"""In which states an act is allowed, and to whom there."""

# A held message needs a second person: so whoever has claimed it keeps nobody else from deciding.
_FOR_HOLDER = frozenset({ActKind.UNCLAIM, ActKind.ESCALATE, ActKind.CLOSE})


def find_act_problem(status: ItemStatus, act: Act, reviewer: Reviewer, parties: Parties | None) -> str:
    """Return why a reviewer may not do this to an item now, or nothing; `parties` are None if nobody knows them."""
    roles = ALLOWED[act.kind].get(status.state)
    if roles is None:
        return f"{act.item} is {status.state}: it cannot be {_done(act.kind)}"
    if problem := find_reviewer_problem(reviewer, roles, parties):
        return problem
    held_by_other = status.state is ItemState.CLAIMED and status.holder != reviewer.id
    if act.kind in _FOR_HOLDER and held_by_other and Role.LEAD not in reviewer.roles:
        return f"{status.holder} has claimed {act.item}"
    return ""


def apply_act(status: ItemStatus, entry: Entry) -> ItemStatus:
    """Return an item after an act that is allowed."""
    act = entry.act
    after = replace(status, steps=(*status.steps, Step(entry)))
    match act.kind:
        case ActKind.ADD:
            return replace(after, queues=status.queues | {act.queue})
        case ActKind.CLAIM:
            return replace(after, state=ItemState.CLAIMED, holder=act.by)
        case ActKind.ASSIGN:
            return replace(after, state=ItemState.CLAIMED, holder=act.to)
        case ActKind.UNCLAIM | ActKind.REOPEN:
            return replace(after, state=ItemState.OPEN, holder="", disposition="")
        case ActKind.ESCALATE:
            return replace(after, state=ItemState.ESCALATED, holder="")
        case ActKind.CLOSE:
            return _close(after, entry, act.disposition)
        case ActKind.RELEASE | ActKind.REFUSE if entry.outcome is Outcome.DONE:
            return _close(after, entry, DECISIONS[act.kind])
    return after


def reject_act(status: ItemStatus, entry: Entry, problem: str) -> ItemStatus:
    """Return an item whose history has an act that counts for nothing."""
    return replace(status, steps=(*status.steps, Step(entry, problem)))


def _close(status: ItemStatus, entry: Entry, disposition: str) -> ItemStatus:
    return replace(
        status,
        state=ItemState.CLOSED,
        disposition=disposition,
        closed_at_ns=entry.at_ns,
        closed_by=entry.act.by,
    )


def _done(kind: ActKind) -> str:
    words = {ActKind.NOTE: "noted", ActKind.CLOSE: "closed", ActKind.REOPEN: "re-opened"}
    return words.get(kind, f"{kind.value.removesuffix('e')}ed")
