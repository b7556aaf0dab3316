"""When messages are due in an open loop: evenly spaced, whatever became of the ones before; pure."""

from dataclasses import dataclass

NS_PER_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Schedule:
    """`rate` messages a second for `duration_s`, the first at once; times are in ns from the start."""

    rate: float
    duration_s: float

    @property
    def total(self) -> int:
        """Count the messages of the whole schedule."""
        return round(self.rate * self.duration_s)

    @property
    def interval_ns(self) -> int:
        """Give the time between two messages."""
        return round(NS_PER_SECOND / self.rate)

    def count_due(self, elapsed_ns: int) -> int:
        """Count the messages that are due once this much time has passed."""
        return min(self.total, int(elapsed_ns * self.rate / NS_PER_SECOND) + 1)

    def due_at_ns(self, number: int) -> int:
        """Give the time at which message `number` (from 0) is due."""
        return int(number * NS_PER_SECOND / self.rate)
