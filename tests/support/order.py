"""The order in which files of tests are tried: short ones are left at the end, and no worker goes on alone for long."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

UNIT = Path(__file__).parents[1] / "unit"


class Collected(Protocol):
    """What a test says of itself when it is collected."""

    @property
    def path(self) -> Path:
        """The file that it is in."""

    def get_closest_marker(self, name: str) -> object | None:
        """Return the marker of this name, if it has one."""


Item = TypeVar("Item", bound=Collected)


def in_order(tests: Sequence[Item]) -> list[Item]:
    """Return the tests in the order in which they are tried: units in files without any that is slow come last.

    Each file stays as it is, and so does the order of all others: those that start servers are before the units.
    """
    slow = {test.path for test in tests if test.get_closest_marker("slow")}
    return sorted(tests, key=lambda test: UNIT in test.path.parents and test.path not in slow)
