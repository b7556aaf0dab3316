"""The limits of one reader and of what it gives."""

import ctypes
import resource
from dataclasses import dataclass, field

MEMORY_BYTES = 1536 << 20
CPU_S = 90
WALL_CLOCK_S = 180.0
MAX_FILE_BYTES = 256 << 20
"""A larger file is not read."""
MAX_ANSWER_BYTES = 64 << 20

_OPEN_FILES = 64
_NEW_USERS, _NEW_NETWORK = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET


def limit_this_process() -> None:
    """Bound what this process, and each that it starts, can take; it cannot lift that again."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_S),
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

    def add(self, text: str, most: int | None = None) -> None:
        """Add to the text, as far as it goes."""
        room = max(0, self.characters if most is None else min(most, self.characters))
        self.is_cut |= len(text) > room
        kept = text[:room].strip()
        if kept:
            self._texts.append(kept)
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
        """All that was read."""
        return "\n".join(self._texts)
