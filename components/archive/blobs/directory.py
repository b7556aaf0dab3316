"""Objects as files in a directory: durable when written, whole or not there (ObjectStore)."""

import asyncio
import errno
import fcntl
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from components.archive.blobs.errors import BlobMissing, BlobUnavailable, VersionConflict
from components.archive.blobs.objects import StoredObject, VersionedContent
from components.archive.durable import GROUP_READS, PRIVATE, make_folder_alike, may_group_read, sync_folder

INCOMING = "incoming"
"""The folder of drafts; `BlobStore.sweep` removes those that a crash leaves."""

_WRITE_SIZE_BYTES = 512 << 10
_READS = 10

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


class DirectoryObjects:
    """Keeps each object as the file of its name, for its owner only; `root` is made if it is not there.

    Where the group may read `root` and others may not, it may read all in it.

    Files are opened, synced and replaced in threads: the event loop goes on.
    """

    def __init__(self, root: Path, incoming: str = INCOMING) -> None:
        """Keep drafts in the folder `incoming`, where who has one of its own knows that all are."""
        self._root = root
        self._incoming = incoming

    async def write(self, name: str, pieces: AsyncIterator[bytes | bytearray]) -> None:
        """See ObjectStore."""
        draft = self._draft()
        file = await in_thread(draft, _open_new, draft)
        try:
            await _fill(draft, file, pieces)
            # Killed before this, or here: a draft is left, and nobody knows the object's name.
            await in_thread(draft, _settle, file, draft, self._root / name)
        except BaseException:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise
        finally:
            os.close(file)

    async def read(self, name: str) -> VersionedContent | None:
        """See ObjectStore."""
        path = self._root / name
        content = await in_thread(path, _read_small, path)
        return None if content is None else VersionedContent(content, _version(content))

    async def read_range(self, name: str, start: int, end: int) -> bytes:
        """See ObjectStore."""
        path = self._root / name
        return await in_thread(path, _read_range, path, start, end)

    async def size(self, name: str) -> int | None:
        """See ObjectStore."""
        path = self._root / name
        return await in_thread(path, _size, path)

    async def swap(self, name: str, content: bytes, version: str | None) -> None:
        """See ObjectStore. The old content is overwritten, and not only unlinked, because it held keys."""
        path = self._root / name
        await in_thread(path, self._swap, path, content, version)

    async def delete(self, name: str) -> None:
        """See ObjectStore."""
        path = self._root / name
        await in_thread(path, _delete, path)

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """See ObjectStore; a folder at a time."""
        folders = [self._root / prefix]
        while folders:
            folder = folders.pop()
            below, files = await in_thread(folder, _scan, folder)
            folders += reversed(below)
            for path, status in files:
                name = path.relative_to(self._root).as_posix()
                yield StoredObject(name, status.st_size, status.st_mtime)

    async def close(self) -> None:
        """See ObjectStore."""

    def _draft(self) -> Path:
        return self._root / self._incoming / secrets.token_hex(16)

    def _swap(self, path: Path, content: bytes, version: str | None) -> None:
        with self._locked():
            before = _read_small(path)
            if version != (None if before is None else _version(before)):
                raise VersionConflict(f"{path.name} was changed by somebody else")
            draft = self._draft()
            old = os.open(path, os.O_WRONLY) if before is not None else None
            try:
                file = _open_new(draft)
                try:
                    _write_all(file, content)
                    _settle(file, draft, path)
                finally:
                    os.close(file)
                # Killed before this: what was there lies in free blocks of the disk, sealed as it was.
                if old is not None and before is not None:
                    _write_all(old, bytes(len(before)))
                    os.fsync(old)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
            finally:
                if old is not None:
                    os.close(old)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold a lock under which one process and thread at a time compares and replaces."""
        make_folder_alike(self._root)
        lock = os.open(self._root / "lock", os.O_RDWR | os.O_CREAT, PRIVATE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


async def _fill(draft: Path, file: int, pieces: AsyncIterator[bytes | bytearray]) -> None:
    waiting: list[bytes | bytearray] = []
    size = 0
    async for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _WRITE_SIZE_BYTES:
            written, waiting, size = waiting, [], 0
            await in_thread(draft, _write_early, file, written)
    await in_thread(draft, _write_pieces, file, waiting)


async def in_thread(path: Path, work: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
    """Return the result of blocking work on `path`, done in a thread; its errors become ours.

    If cancelled, it first waits for the end of the work, because the work uses files that are about to be closed.
    """
    task = asyncio.ensure_future(asyncio.to_thread(lambda: work(*arguments)))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with suppress(Exception):
            await task
        raise
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "the disk is full" if full else (error.strerror or str(error)).lower()
        raise BlobUnavailable(f"{path}: {reason}") from error


def _open_new(path: Path) -> int:
    make_folder_alike(path.parent)
    mode = GROUP_READS if may_group_read(path.parent) else PRIVATE
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)


def _write_pieces(file: int, pieces: list[bytes | bytearray]) -> None:
    # Not joined where it is one: a copy costs as much as the writing.
    _write_all(file, pieces[0] if len(pieces) == 1 else b"".join(pieces))


def _write_early(file: int, pieces: list[bytes | bytearray]) -> None:
    """Write pieces, and have the disk begin with them at once.

    Else all of a large file waits for its last sync, and whoever syncs a record on this disk waits for all of it.
    """
    start = os.lseek(file, 0, os.SEEK_CUR)
    _write_pieces(file, pieces)
    # Linux begins to write what is asked to leave its cache, and does not wait for it.
    os.posix_fadvise(file, start, os.lseek(file, 0, os.SEEK_CUR) - start, os.POSIX_FADV_DONTNEED)


def _write_all(file: int, data: bytes | bytearray) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _settle(file: int, draft: Path, path: Path) -> None:
    """Rename a draft to its final name, durably."""
    os.fsync(file)
    make_folder_alike(path.parent)
    draft.rename(path)
    sync_folder(path.parent)


def _read_small(path: Path) -> bytes | None:
    """Read a file that another thread or process may be replacing."""
    content = b""
    for _ in range(_READS):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        if b"\0" not in content:
            break  # else it was replaced after it had been opened, and overwritten
    return content


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _read_range(path: Path, start: int, end: int) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        raise BlobMissing(f"{path.name} is gone") from None
    try:
        return os.pread(file, end - start, start)
    finally:
        os.close(file)


def _delete(path: Path) -> None:
    if path.exists():
        path.unlink(missing_ok=True)
        sync_folder(path.parent)


def _scan(folder: Path) -> tuple[list[Path], list[tuple[Path, os.stat_result]]]:
    """Return the folders and the files in a folder, each in order; ignore those that vanish meanwhile."""
    folders, files = [], []
    with suppress(FileNotFoundError):
        for path in sorted(folder.iterdir()):
            with suppress(FileNotFoundError):
                if path.is_dir():
                    folders.append(path)
                else:
                    files.append((path, path.stat()))
    return folders, files


def _version(content: bytes) -> str:
    return sha256(content).hexdigest()
