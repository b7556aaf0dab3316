"""How something that takes long tells how far it has come."""

from collections.abc import Callable
from contextlib import AbstractContextManager

Progress = Callable[[int, int], None]
"""Takes how many are done, and how many there are in all."""

Bars = Callable[[str, str], AbstractContextManager[Progress]]
"""Shows, while in its context, the progress of something with this title, counted in these units."""
