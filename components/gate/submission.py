"""A submission on its way through the gate: first decided, then recorded and about to be answered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from components.archive.writer import Entry
from components.link.codec import Held
from policy.decision import Decision


class Decided(NamedTuple):
    """A submission that is decided and encoded, and waits for its record."""

    held: Held
    decision: Decision
    entry: Entry


@dataclass(frozen=True, slots=True)
class Answered:
    """A submission that is recorded at `index` and about to get its verdict."""

    held: Held
    decision: Decision
    index: int


def cut_runs(answers: Sequence[Answered]) -> Iterator[Sequence[Answered]]:
    """Split answers into runs of consecutive ones."""
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
