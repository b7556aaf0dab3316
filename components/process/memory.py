"""How a process asks the system for memory."""

import ctypes
from contextlib import suppress

# mallopt(3)
_ARENA_MAX = -8


def use_one_arena() -> None:
    """Have all threads take memory from one place, where the C library is glibc.

    Otherwise each thread that moves a large file keeps some of its own. They do not wait for one another: nearly all
    that they take, they take with the interpreter's lock.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
