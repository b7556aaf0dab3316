"""How a long task reports its progress."""

from collections.abc import Callable
from contextlib import AbstractContextManager

Progress = Callable[[int, int], None]
"""Called with the number of finished items, and the number of all items."""

Bars = Callable[[str, str], AbstractContextManager[Progress]]
"""Shows, while in its context, the progress of a task with this title, counted in these units."""


def ignore_progress(_done: int, _total: int) -> None:
    """Tell nobody how far a task is."""
