"""A submission on its way through the gate: decided on, then recorded and about to be answered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from components.archive.writer import Entry
from components.link.codec import Held
from policy.decision import Action, Decision


@dataclass(frozen=True, slots=True)
class Decided:
    """A submission that is decided on and encoded, waiting for its record."""

    held: Held
    decision: Decision
    entry: Entry


@dataclass(frozen=True, slots=True)
class Answered:
    """A submission that is recorded at `index` and about to get its verdict."""

    held: Held
    decision: Decision
    index: int

    @property
    def is_for_review(self) -> bool:
        """Whether the review queue keeps it, or tells its sender; of what is quarantined there is nothing to keep."""
        decision = self.decision
        return (bool(decision.notice) or decision.action is Action.HOLD) and not self.held.problem


def cut_runs(answers: Sequence[Answered]) -> Iterator[Sequence[Answered]]:
    """Cut answers where one does not follow the one before."""
    begin = 0
    for end in range(1, len(answers) + 1):
        if end == len(answers) or not _follows(answers[end - 1], answers[end]):
            yield answers[begin:end]
            begin = end


def _follows(before: Answered, after: Answered) -> bool:
    return (
        after.held.seq == before.held.seq + 1
        and after.index == before.index + 1
        and after.held.epoch == before.held.epoch
        and after.held.host == before.held.host
    )
