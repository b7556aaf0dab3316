"""Where a file lies in the clear while it is checked: in memory if it is small, else in a file without a name."""

import asyncio
import errno
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from components.archive.blobs.errors import BlobUnavailable

MOST_IN_MEMORY_BYTES = 128 << 10
"""Of each upload that is under way; what is larger goes to the disk."""

_WRITE_SIZE_BYTES = 512 << 10
# IOV_MAX
_MOST_PIECES = 1024


class Quarantine:
    """A file of `size_bytes` as it comes in, which nobody else can open, and which ends with this process.

    A larger one is made in `folder`, unlinked: killed at any point, nothing of it has a name. Raises BlobUnavailable.
    """

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self._folder = folder
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._in_memory = size_bytes <= MOST_IN_MEMORY_BYTES
        self._file = -1

    def __enter__(self) -> Self:
        try:
            self._file = self._open()
        except OSError as error:
            raise self._unavailable(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    async def add(self, piece: bytes) -> None:
        """Add a piece of the file."""
        self._waiting.append(piece)
        self._waiting_bytes += len(piece)
        if self._waiting_bytes >= _WRITE_SIZE_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Write what was added. If cancelled, it first waits for the disk, as the file is about to be closed."""
        pieces, self._waiting, self._waiting_bytes = self._waiting, [], 0
        try:
            if self._in_memory:
                _write(self._file, pieces)
                return
            writing = asyncio.ensure_future(asyncio.to_thread(_write, self._file, pieces))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                with suppress(OSError):
                    await writing
                raise
        except OSError as error:
            raise self._unavailable(error) from error

    def open_again(self) -> int:
        """Return a descriptor of its own of the file, for reading, from the first byte; the caller closes it."""
        return os.open(f"/proc/self/fd/{self._file}", os.O_RDONLY | os.O_CLOEXEC)

    async def read(self) -> AsyncIterator[bytes]:
        """Yield what was written, from the first byte on."""
        place = 0
        while piece := await asyncio.to_thread(os.pread, self._file, _WRITE_SIZE_BYTES, place):
            place += len(piece)
            yield piece

    def _open(self) -> int:
        if self._in_memory:
            return os.memfd_create("upload", os.MFD_CLOEXEC)
        # O_TMPFILE where the file system knows it.
        with tempfile.TemporaryFile(dir=self._folder, buffering=0) as file:
            return os.dup(file.fileno())

    def _unavailable(self, error: OSError) -> BlobUnavailable:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "the disk is full" if full else (error.strerror or str(error)).lower()
        return BlobUnavailable(f"{self._folder}: {reason}")


def _write(file: int, pieces: list[bytes]) -> None:
    # Written as they are: to join them first would be one more copy of the file.
    left = sum(map(len, pieces))
    while left:
        written = os.writev(file, pieces[:_MOST_PIECES])
        left -= written
        pieces = _after(pieces, written)


def _after(pieces: list[bytes], written: int) -> list[bytes]:
    """Return what of these is not yet written."""
    for number, piece in enumerate(pieces):
        if written < len(piece):
            return [piece[written:], *pieces[number + 1 :]]
        written -= len(piece)
    return []
