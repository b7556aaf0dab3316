"""A timer below a millisecond, to which event loops round: timerfd_create(2), on the loop as a file."""

import asyncio
import ctypes
import os
from collections.abc import Callable
from typing import Self

from tests.bench.schedule import NS_PER_SECOND

_CLOCK_MONOTONIC = 1

_libc = ctypes.CDLL(None, use_errno=True)


class Metronome:
    """Calls `on_tick` every `interval_ns` while entered; ticks that a busy loop missed come as one."""

    def __init__(self, interval_ns: int, on_tick: Callable[[], None]) -> None:
        self._interval_ns = interval_ns
        self._on_tick = on_tick
        self._file = -1

    def __enter__(self) -> Self:
        self._file = _checked(_libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
        interval = divmod(self._interval_ns, NS_PER_SECOND)
        setting = (ctypes.c_long * 4)(*interval, *interval)  # struct itimerspec: the interval, the first tick
        _checked(_libc.timerfd_settime(self._file, 0, ctypes.byref(setting), None))
        asyncio.get_running_loop().add_reader(self._file, self._tick)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._file)
        os.close(self._file)

    def _tick(self) -> None:
        os.read(self._file, 8)
        self._on_tick()


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "the timer cannot be made")
    return result
