"""What a measurement is given, and what it gives."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.bench.figures import Findings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bench:
    """How to measure: `rounds` times, in full or just to see that it works (`quick`), with files below `folder`."""

    folder: Path
    rounds: int
    quick: bool
    announce: Callable[[str], None]

    def pick(self, full: T, quick: T) -> T:
        """Choose between what a measurement needs and what shows that it works."""
        return quick if self.quick else full

    def turns(self, *set_ups: str) -> Iterator[tuple[int, str, Path]]:
        """Give round, set-up and an empty folder for each run: the set-ups in turns, round by round."""
        for number in range(1, self.rounds + 1):
            for set_up in set_ups:
                self.announce(f"round {number} of {self.rounds}: {set_up}")
                yield number, set_up, self.new_folder()

    def new_folder(self) -> Path:
        """Make an empty folder."""
        folder = self.folder / str(sum(1 for _ in self.folder.iterdir()))
        folder.mkdir()
        return folder


Measure = Callable[[Bench], Awaitable[Findings]]
"""A measurement; its docstring is printed above its figures: what is compared, and how."""
