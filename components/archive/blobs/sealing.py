"""Seals a content as it comes: by half a megabyte, in a thread, so that hashing and the cipher hold up nobody else."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from types import AsyncGeneratorType

from components.archive.blobs.stream import ChunkSealer

MAX_SIZE_BYTES = 64 << 30

_BLOCK_SIZE_BYTES = 512 << 10
# What is less is done before a thread would have begun.
_THREAD_FROM_BYTES = 128 << 10
_POLL_S = 0.001
_NICENESS = 10


def _stand_back() -> None:
    """Let the thread that answers everybody go first (on Linux niceness is a thread's own)."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


# One, which seals some 800 MB a second. One that stands back may hold the interpreter's lock, and each further one
# would run before it, while everybody waits for that lock.
_SEALERS = ThreadPoolExecutor(1, "seal", _stand_back)

Pieces = AsyncGenerator[bytes | bytearray, None]


class Digest:
    """The size and the SHA-256 of what was added."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._hash = sha256()

    def add(self, data: bytes | bytearray) -> None:
        """Add what comes next."""
        self.size_bytes += len(data)
        self._hash.update(data)

    def digest(self) -> bytes:
        """Return the SHA-256 so far."""
        return self._hash.digest()


class Sealing:
    """The one content that is sealed with `key` (32 bytes): what came (`content`), and what is `stored` of it."""

    def __init__(self, key: bytes) -> None:
        self.content, self.stored = Digest(), Digest()
        self._sealer = ChunkSealer(key)

    async def pieces(self, chunks: AsyncIterable[bytes], make_trailer: Callable[[bytes], bytes]) -> Pieces:
        """Yield what is to be stored; `make_trailer` is given the content's SHA-256 at the end.

        Raises ValueError for more than MAX_SIZE_BYTES.
        """
        async for block, size_bytes in _blocks(chunks):
            if self.content.size_bytes + size_bytes > MAX_SIZE_BYTES:
                raise ValueError(f"a blob has at most {MAX_SIZE_BYTES:,} bytes")
            if size_bytes < _THREAD_FROM_BYTES:
                yield self._seal(block)
            else:
                yield await asyncio.get_running_loop().run_in_executor(_SEALERS, self._seal, block)
        for piece in (self._sealer.finish(), make_trailer(self.content.digest())):
            self.stored.add(piece)
            yield piece

    def _seal(self, block: list[bytes]) -> bytearray:
        for chunk in block:
            self.content.add(chunk)
        sealed = self._sealer.feed(block)
        self.stored.add(sealed)
        return sealed


@asynccontextmanager
async def closed(pieces: Pieces) -> AsyncIterator[Pieces]:
    """Close a generator at the end, also one that a store that was interrupted has just asked for the next piece."""
    try:
        yield pieces
    finally:
        while isinstance(pieces, AsyncGeneratorType) and pieces.ag_running:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(_POLL_S)
        await pieces.aclose()


async def _blocks(chunks: AsyncIterable[bytes]) -> AsyncIterator[tuple[list[bytes], int]]:
    """Gather chunks until they are a block, or the last of them; yields their size, too."""
    block: list[bytes] = []
    size_bytes = 0
    async for chunk in chunks:
        block.append(chunk)
        size_bytes += len(chunk)
        if size_bytes >= _BLOCK_SIZE_BYTES:
            yield block, size_bytes
            block, size_bytes = [], 0
    if block:
        yield block, size_bytes
