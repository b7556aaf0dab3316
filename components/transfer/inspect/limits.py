"""How far a look into a file goes, and the count of how far it has gone."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from policy.files.facts import FileMark

_RATIO_COUNTS_FROM_BYTES = 16 << 20
"""Less than this is no bomb, whatever it unpacks from: an empty table packs to nearly nothing."""
_BOMB = frozenset({FileMark.BOMB, FileMark.UNSCANNABLE})
_UNSCANNABLE = frozenset({FileMark.UNSCANNABLE})


@dataclass(frozen=True, slots=True)
class InspectLimits:
    """How much of anything a look may take: time, memory, and what a file may unpack to.

    `ratio` is unpacked bytes to the file's own; `depth` counts archives inside one another.
    """

    time_s: float = 8.0
    memory_bytes: int = 256 << 20
    unpacked_bytes: int = 256 << 20
    members: int = 10_000
    depth: int = 5
    ratio: int = 200
    pixels: int = 100_000_000


class TooMuch(Exception):  # noqa: N818 - the condition is the name
    """A limit is reached, so the look ends here; `marks` say of what kind the limit is."""

    def __init__(self, marks: frozenset[FileMark]) -> None:
        super().__init__()
        self.marks = marks


class Unreadable(Exception):  # noqa: N818 - the condition is the name
    """A file is not built as its format says."""


@dataclass(slots=True)
class Budget:
    """What a look has used up of its limits, for a file of `size_bytes` with all that it holds."""

    limits: InspectLimits
    size_bytes: int
    clock_s: Callable[[], float] = time.monotonic
    unpacked_bytes: int = 0
    members: int = 0
    ends_at_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.ends_at_s = self.clock_s() + self.limits.time_s

    def check_time(self) -> None:
        """Raise TooMuch when the time is over."""
        if self.clock_s() > self.ends_at_s:
            raise TooMuch(_UNSCANNABLE)

    def take_bytes(self, count: int) -> None:
        """Count unpacked bytes; raises TooMuch."""
        self.unpacked_bytes += count
        most = max(_RATIO_COUNTS_FROM_BYTES, self.limits.ratio * self.size_bytes)
        if self.unpacked_bytes > most:
            raise TooMuch(_BOMB)
        if self.unpacked_bytes > self.limits.unpacked_bytes:
            raise TooMuch(_UNSCANNABLE)
        self.check_time()

    def take_members(self, count: int = 1) -> None:
        """Count members of archives; raises TooMuch."""
        self.members += count
        if self.members > self.limits.members:
            raise TooMuch(_BOMB)
        self.check_time()

    def check_depth(self, depth: int) -> None:
        """Raise TooMuch if archives lie deeper inside one another than is allowed."""
        if depth > self.limits.depth:
            raise TooMuch(_BOMB)

    def is_pixel_bomb(self, width: int, height: int) -> bool:
        """Return whether a picture has more pixels than a client should decode."""
        return width * height > self.limits.pixels
