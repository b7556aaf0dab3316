"""What another process says through a pipe."""

import asyncio
import os

_CHUNK_BYTES = 1 << 16


async def read_pipe(fd: int, most_bytes: int) -> bytes:
    """Return what comes until all others have closed the pipe; raises ValueError if it is more than `most_bytes`."""
    loop = asyncio.get_running_loop()
    said = bytearray()
    os.set_blocking(fd, False)
    while len(said) <= most_bytes:
        ready = loop.create_future()
        loop.add_reader(fd, _set_ready, ready)
        try:
            await ready
        finally:
            loop.remove_reader(fd)
        if not (chunk := os.read(fd, _CHUNK_BYTES)):
            return bytes(said)
        said += chunk
    raise ValueError


def _set_ready(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
