"""How a process asks the system for memory."""

import ctypes
from contextlib import suppress

# mallopt(3)
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_KEPT_BYTES, _APART_FROM_BYTES = 4 << 20, 1 << 20


def use_one_arena() -> None:
    """Have all threads take memory from one place, where the C library is glibc.

    Otherwise each thread that moves a large file keeps some of its own. They do not wait for one another: nearly all
    that they take, they take with the interpreter's lock.
    """
    _set((_ARENA_MAX, 1))


def keep_freed_memory() -> None:
    """Keep up to 4 MiB of what is free at the end, where the C library is glibc.

    Otherwise the buffers of each half a megabyte of a file go back to the system, and the next ones come from there
    page by page, each filled with zeros: more work than hashing them.
    """
    # Either of them alone would stop the C library from adapting the other.
    _set((_TRIM_THRESHOLD, _KEPT_BYTES), (_MMAP_THRESHOLD, _APART_FROM_BYTES))


def _set(*options: tuple[int, int]) -> None:
    with suppress(OSError, AttributeError):
        set_option = ctypes.CDLL(None).mallopt
        for name, value in options:
            set_option(name, value)
