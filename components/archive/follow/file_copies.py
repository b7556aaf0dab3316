"""Copies of files on an auditors' machine: sealed as they are, each whole or not there (docs/decisions/0212).

Data come as a draft, which grows until it is whole, also over several connections. Only what has the SHA-256 of its
head gets its name, and then its head. A name is this machine's own: no server can have one file replace another.
"""

import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from components.archive.blobs.address import (
    TRAILER_SIZE_BYTES,
    BlobAddress,
    BlobAddressError,
    encode_trailer,
    parse_address,
    parse_head_name,
    parse_trailer,
)
from components.archive.blobs.directory import INCOMING, DirectoryObjects, in_thread
from components.archive.blobs.errors import BlobDamaged, BlobMissing, BlobUnavailable
from components.archive.blobs.head import BlobEntry, BlobHead, encode_head
from components.archive.blobs.store import destroy_blob, parse_entry
from components.archive.durable import PRIVATE, PRIVATE_FOLDER, make_folder, sync_folder
from components.archive.follow.files import FileMark
from components.archive.follow.files_source import find_entries

KEEP_FREE_BYTES = 1 << 30
"""So much of the disk is left to the copies of logs, which go before files."""

_DRAFTS = f"{INCOMING}/follow"
_DRAFT = re.compile(r"([0-9]{1,5})-([0-9a-f]{64})-[0-9a-f]{32}")
# A first digit as no day has: what somebody else keeps in the folder is not touched.
_DATA = re.compile(r"data/00000[0-9]{3}/[0-9a-f]{32}")
_READ_SIZE_BYTES = 1 << 20


class FileCopies:
    """The copies in the folder `root`, which BlobReader reads as any other store; one process changes them."""

    def __init__(
        self,
        root: Path,
        clock_ns: Callable[[], int] = time.time_ns,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._root = root
        self._objects = DirectoryObjects(root, _DRAFTS)
        self._clock_ns = clock_ns
        self._free_bytes = free_bytes

    async def is_kept(self, head: BlobHead) -> bool:
        """Return whether a blob is here, with data of its length. What is here is not exchanged for another one."""
        kept = await self._find(head.address)
        return isinstance(kept, BlobHead) and await self._objects.size(kept.data) == kept.stored_size_bytes

    async def count_here(self, head: BlobHead) -> int:
        """Return how many bytes of a blob's data are here already."""
        own = _own(head)
        done = await self._objects.size(_draft_name(own))
        if done is None:
            done = await self._objects.size(own.data) or 0
        return min(done, head.stored_size_bytes)

    async def take(self, head: BlobHead, pieces: AsyncIterator[bytes]) -> None:
        """Keep a blob whose data go on with `pieces` behind those that are here; durable when this returns.

        Raises BlobDamaged for other data than the head says: nothing of them is kept. Raises BlobUnavailable if they
        end too early or the disk is full: then what has come is kept, and the next call goes on from there.
        """
        own = _own(head)
        draft, data = self._root / _draft_name(own), self._root / own.data
        left = head.stored_size_bytes - await self.count_here(head)
        if left:
            await self._append(draft, own, pieces, left)
        # Killed from here on, or before: the draft is whole, and the next call begins here.
        if not await in_thread(data, _settle, draft, data, own):
            raise BlobDamaged(f"blob {head.address}: its data came with another SHA-256 than its head says")
        # Killed here: the data are there, and no head names them; the next call finds them whole.
        found = await self._objects.read(head.address.head_name)
        await self._objects.swap(head.address.head_name, encode_head(own), found.version if found else None)

    async def destroy(self, mark: FileMark, order: str) -> int:
        """Destroy all blobs with a mark, and what has come of others; returns how many. Raises BlobUnavailable."""
        count = 0
        for entry in await find_entries(self._objects, mark):
            count += isinstance(entry, BlobHead)
            await destroy_blob(self._objects, entry.address, order, self._clock_ns)
        await self.sweep(lambda address: FileMark(address.retention_class, address.mark) != mark)
        return count

    async def list_kept(self) -> AsyncIterator[FileMark]:
        """Yield the marks of blobs that are here whole; raises BlobUnavailable."""
        async for each in self._objects.list("head/"):
            with suppress(BlobAddressError, BlobDamaged):
                address = parse_head_name(each.name)
                entry = await self._find(address)
                if isinstance(entry, BlobHead) and await self.is_kept(entry):
                    yield FileMark(address.retention_class, address.mark)

    async def sweep(self, is_wanted: Callable[[BlobAddress], bool]) -> None:
        """Remove what has come of blobs that are not wanted; raises BlobUnavailable."""
        async for each in self._objects.list(f"{_DRAFTS}/"):
            address = _address_of_draft(each.name)
            # Without an address: a head whose writing was killed, in which there is a sealed key.
            if address is None or not is_wanted(address):
                await self._objects.delete(each.name)

    async def sweep_unnamed(self) -> None:
        """Remove data that a kill left without a head; raises BlobUnavailable."""
        async for each in self._objects.list("data/"):
            if _DATA.fullmatch(each.name) and not await self._is_named(each.name, each.size_bytes):
                await self._objects.delete(each.name)

    async def close(self) -> None:
        """Let go of the folder."""
        await self._objects.close()

    async def _is_named(self, name: str, size_bytes: int) -> bool:
        start = max(0, size_bytes - TRAILER_SIZE_BYTES)
        with suppress(BlobAddressError, BlobDamaged, BlobMissing):
            entry = await self._find(parse_trailer(await self._objects.read_range(name, start, size_bytes)))
            return isinstance(entry, BlobHead) and entry.data == name
        return False

    async def _find(self, address: BlobAddress) -> BlobEntry | None:
        """Return a blob's head or tombstone here, None for none and for one that was altered."""
        found = await self._objects.read(address.head_name)
        with suppress(BlobDamaged):
            return parse_entry(address, found) if found else None
        return None

    async def _append(self, draft: Path, head: BlobHead, pieces: AsyncIterator[bytes], left: int) -> None:
        file = await in_thread(draft, _open_draft, draft)
        try:
            if self._free_bytes(draft.parent) < left + KEEP_FREE_BYTES:
                raise BlobUnavailable(f"{draft.parent}: too little of the disk is free for more files")
            async for piece in pieces:
                if len(piece) > left:
                    await in_thread(draft, draft.unlink)
                    raise BlobDamaged(f"blob {head.address}: its data are longer than its head says")
                await in_thread(draft, _write, file, piece)
                left -= len(piece)
        finally:
            os.close(file)
        if left:
            raise BlobUnavailable(f"blob {head.address}: its data ended {left:,} bytes too early")


def _own(head: BlobHead) -> BlobHead:
    """Return a head with the name that its data have here."""
    digest = sha256(f"{head.address}\n{head.stored_sha256}\n".encode()).hexdigest()
    return replace(head, data=f"data/{int(digest[:2], 16):08d}/{digest[:32]}")


def _draft_name(own: BlobHead) -> str:
    address = own.address
    return f"{_DRAFTS}/{address.retention_class}-{address.digest.hex()}-{Path(own.data).name}"


def _address_of_draft(name: str) -> BlobAddress | None:
    match = _DRAFT.fullmatch(name.removeprefix(f"{_DRAFTS}/"))
    with suppress(BlobAddressError):
        return parse_address(f"{match[1]}/{match[2]}") if match else None
    return None


def _open_draft(draft: Path) -> int:
    make_folder(draft.parent, PRIVATE_FOLDER)
    return os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, PRIVATE)


def _write(file: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(file, view) :]


def _settle(draft: Path, data: Path, head: BlobHead) -> bool:
    """Give whole data their name; return False, and remove them, if they are not what the head says."""
    place = draft if draft.exists() else data
    file = os.open(place, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        if not _is_right(file, head):
            place.unlink()
            return False
        os.fsync(file)
    finally:
        os.close(file)
    if place is draft:
        make_folder(data.parent, PRIVATE_FOLDER)
        draft.rename(data)
        sync_folder(data.parent)
    return True


def _is_right(file: int, head: BlobHead) -> bool:
    digest, end = sha256(), b""
    while piece := os.read(file, _READ_SIZE_BYTES):
        digest.update(piece)
        end = (end + piece)[-TRAILER_SIZE_BYTES:]
    return digest.hexdigest() == head.stored_sha256 and end == encode_trailer(head.address)
