"""Lets one process at a time read files into an index: the others wait for what it finds (docs/decisions/0284)."""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_LOCK_FILE = "reading.lock"
_WITHIN_S = 20.0
"""So long a search waits for another process, which may be slow, or have long sound to hear. Then it reads itself."""
_ASK_EVERY_S = 0.05


@asynccontextmanager
async def take_turn(folder: Path) -> AsyncIterator[None]:
    """Hold the turn to read, if it can be had; what waits to be read is to be asked for only then.

    Without it a file is read twice, which costs time and nothing else: so nobody waits for ever, nor fails where the
    lock is somebody else's. The kernel ends the turn of a process that is killed.
    """
    try:
        lock = os.open(folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield
        return
    try:
        await _wait(lock)
        yield
    finally:
        os.close(lock)


async def _wait(lock: int) -> None:
    give_up_at_s = time.monotonic() + _WITHIN_S
    while time.monotonic() < give_up_at_s:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            await asyncio.sleep(_ASK_EVERY_S)
