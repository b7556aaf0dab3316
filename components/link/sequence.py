"""Sequence numbers, by which the adapter numbers all that it submits (docs/gate-protocol.md, section 3)."""

from typing import NamedTuple


class Range(NamedTuple):
    """Consecutive sequence numbers, both ends included."""

    first: int
    last: int

    @property
    def numbers(self) -> int:
        """How many these are."""
        return self.last - self.first + 1
