"""What processes say to each other through pipes."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

_CHUNK_BYTES = 1 << 16


def write_output(data: bytes) -> None:
    """Write all of this to the standard output, after what is in its buffer; raises OSError.

    With PYTHONUNBUFFERED it has no buffer, and one write may take a part alone.
    """
    sys.stdout.flush()
    rest = memoryview(data)
    while rest:
        rest = rest[sys.stdout.buffer.write(rest) :]
    sys.stdout.buffer.flush()


async def read_pipe(fd: int, most_bytes: int) -> bytes:
    """Return what comes until all others have closed the pipe; raises ValueError if it is more than `most_bytes`."""
    said = bytearray()
    async for chunk in read_pieces(fd):
        said += chunk
        if len(said) > most_bytes:
            raise ValueError
    return bytes(said)


async def read_pieces(fd: int) -> AsyncIterator[bytes]:
    """Yield what comes until all others have closed the pipe."""
    loop = asyncio.get_running_loop()
    os.set_blocking(fd, False)
    while True:
        ready = loop.create_future()
        loop.add_reader(fd, _set_ready, ready)
        try:
            await ready
        finally:
            loop.remove_reader(fd)
        if not (chunk := os.read(fd, _CHUNK_BYTES)):
            return
        yield chunk


def _set_ready(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
