"""The adapter's sequence numbers for everything that it submits (docs/gate-protocol.md, section 3)."""

from typing import NamedTuple


class Range(NamedTuple):
    """Consecutive sequence numbers, both ends included."""

    first: int
    last: int

    @property
    def numbers(self) -> int:
        """How many numbers these are."""
        return self.last - self.first + 1
