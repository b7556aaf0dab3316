"""The limits of one reader and of what it gives."""

import ctypes
import resource
from dataclasses import dataclass, field, replace

MAX_FILE_BYTES = 256 << 20
"""A larger file is not read."""
MAX_ANSWER_BYTES = 64 << 20

_OPEN_FILES = 64
_NEW_USERS, _NEW_NETWORK = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET


@dataclass(frozen=True, slots=True)
class ReaderLimits:
    """What a reader can take: memory (addresses), processor time, and time."""

    memory_bytes: int = 1536 << 20
    cpu_s: int = 90
    wall_clock_s: float = 180.0

    def for_model(self, size_bytes: int) -> "ReaderLimits":
        """Return limits in which a model of this size has room, in two forms while it is loaded."""
        return replace(self, memory_bytes=self.memory_bytes + 3 * size_bytes)


OF_FILES = ReaderLimits()
OF_SOUND = ReaderLimits(cpu_s=600, wall_clock_s=1200.0)
"""Of a file that is sound itself, and not just holds some."""
HEARD_WITHIN = 0.7
"""What is not heard within this share of the limits is cut off, so that the reader can still tell the rest."""


def limit_this_process(limits: ReaderLimits) -> None:
    """Bound what this process, and each that it starts, can take; it cannot lift that again."""
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        # It writes no file, nor leaves one with its memory when it ends badly.
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    _leave_network()


def _leave_network() -> None:
    """Leave the network (unshare(2)), so that a file that takes a reader over cannot send anything.

    Where the kernel does not let a process do so, it stays.
    """
    ctypes.CDLL(None).unshare(_NEW_USERS | _NEW_NETWORK)


@dataclass
class Budget:
    """How much may still be read of one file, with what is in it; `is_cut`: there was more."""

    characters: int = 1_000_000
    unpacked_bytes: int = 256 << 20
    members: int = 2_000
    depth: int = 5
    pictures: int = 20
    is_cut: bool = False
    _texts: list[str] = field(default_factory=list)
    _heard: list[str] = field(default_factory=list)

    def add(self, text: str, most: int | None = None) -> None:
        """Add to the text, as far as it goes."""
        self._add(self._texts, text, most)

    def add_heard(self, text: str) -> None:
        """Add what a machine heard, as far as it goes."""
        self._add(self._heard, text, None)

    def _add(self, texts: list[str], text: str, most: int | None) -> None:
        room = max(0, self.characters if most is None else min(most, self.characters))
        self.is_cut |= len(text) > room
        kept = text[:room].strip()
        if kept:
            texts.append(kept)
            self.characters -= len(kept) + 1  # and the break between two texts

    def take_member(self) -> bool:
        """Return whether one more member may be read."""
        self.members -= 1
        self.is_cut |= self.members < 0
        return self.members >= 0

    def take_picture(self) -> bool:
        """Return whether the letters in one more picture may be read."""
        self.pictures -= 1
        self.is_cut |= self.pictures < 0
        return self.pictures >= 0

    @property
    def text(self) -> str:
        """All that was read, and then what was heard."""
        return "\n".join(self._texts + self._heard)

    @property
    def heard(self) -> str:
        """What was heard."""
        return "\n".join(self._heard)
