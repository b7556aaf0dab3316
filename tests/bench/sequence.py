"""Whether numbered messages arrived, each once and in order; pure."""


class SequenceCheck:
    """Follows one numbered sequence (from 0) as it arrives, or as it lies in an archive."""

    __slots__ = ("_missing", "expected", "out_of_order", "twice")

    def __init__(self) -> None:
        self.expected = 0
        self.twice = 0
        self.out_of_order = 0
        self._missing: set[int] = set()

    def take(self, number: int) -> None:
        """Take the next number that arrived."""
        if number == self.expected:
            self.expected = number + 1
        elif number > self.expected:
            self._missing.update(range(self.expected, number))
            self.expected = number + 1
        elif number in self._missing:
            self._missing.remove(number)
            self.out_of_order += 1
        else:
            self.twice += 1

    @property
    def distinct(self) -> int:
        """Count the numbers that arrived, each once."""
        return self.expected - len(self._missing)
