"""A submission on its way through the gate: decided on, then recorded and about to be answered."""

from dataclasses import dataclass

from components.archive.writer import Entry
from components.link.codec import Held
from policy.decision import Decision


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
