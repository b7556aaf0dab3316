"""Reads blobs, as a whole or in part, with a recipient's key; and checks them, also without a key."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from components.archive.blobs.address import TRAILER_SIZE_BYTES, BlobAddress, encode_trailer
from components.archive.blobs.errors import BlobDamaged, BlobDestroyed, BlobMissing
from components.archive.blobs.head import BlobEntry, BlobHead, BlobSecret, BlobTombstone, open_secret
from components.archive.blobs.objects import ObjectStore
from components.archive.blobs.store import parse_entry
from components.archive.blobs.stream import (
    CHUNK_SIZE_BYTES,
    SEALED_CHUNK_SIZE_BYTES,
    ChunkOpener,
    chunk_place,
    sealed_size,
)
from components.archive.seal import EnvelopeOpener, SealError

_CHUNKS_AT_ONCE = 16
_READ_SIZE_BYTES = 1 << 20


class BlobState(StrEnum):
    """The result of a check.

    `destroyed` is what an order has left a tombstone of; what is `missing` has neither head nor tombstone, or has lost
    its data.
    """

    INTACT = "intact"
    DESTROYED = "destroyed"
    MISSING = "missing"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True)
class BlobCheck:
    """A blob's state, and what is wrong with it if anything is; `sha256` is its content's, if that was opened."""

    address: BlobAddress
    state: BlobState
    detail: str = ""
    sha256: bytes = b""


class OpenBlob:
    """A blob that can be read."""

    def __init__(self, objects: ObjectStore, head: BlobHead, secret: BlobSecret) -> None:
        self._objects = objects
        self._head = head
        self._opener = ChunkOpener(secret.key, secret.size_bytes)
        self.size_bytes = secret.size_bytes
        self.sha256 = secret.sha256

    async def read(self, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield bytes `start` to `end` in pieces of at most 64 KiB, each only after it is verified.

        Beyond the end there is nothing. Raises BlobDamaged, BlobMissing and BlobUnavailable.
        """
        end = self.size_bytes if end is None else min(end, self.size_bytes)
        start = max(start, 0)
        if start >= end:
            return
        last = (end - 1) // CHUNK_SIZE_BYTES
        number = start // CHUNK_SIZE_BYTES
        while number <= last:
            following = min(number + _CHUNKS_AT_ONCE, last + 1)
            async for chunk in self._open_chunks(number, following):
                offset = number * CHUNK_SIZE_BYTES
                yield chunk[max(start - offset, 0) : end - offset]
                number += 1

    async def _open_chunks(self, first: int, end: int) -> AsyncIterator[bytes]:
        begin, _ = chunk_place(first, self.size_bytes)
        _, stop = chunk_place(end - 1, self.size_bytes)
        sealed = await self._objects.read_range(self._head.data, begin, stop)
        for place, number in enumerate(range(first, end)):
            piece = sealed[place * SEALED_CHUNK_SIZE_BYTES : (place + 1) * SEALED_CHUNK_SIZE_BYTES]
            try:
                yield self._opener.open(number, piece)
            except SealError as error:
                raise BlobDamaged(f"blob {self._head.address}: {error}") from None


class BlobReader:
    """Reads the blobs of a site with the `keys` of any of their recipients."""

    def __init__(self, objects: ObjectStore, site: str, keys: Sequence[EnvelopeOpener] = ()) -> None:
        self._objects = objects
        self._site = site
        self._keys = tuple(keys)

    async def open(self, address: BlobAddress) -> OpenBlob:
        """Open a blob for reading.

        Raises BlobMissing, BlobDestroyed, BlobDamaged, BlobUnavailable; NoKeyError when it is sealed to others.
        """
        entry = await self._find(address)
        if isinstance(entry, BlobTombstone):
            raise BlobDestroyed(f"blob {address} was destroyed on order {entry.order}")
        return await self._open(entry)

    async def check(self, address: BlobAddress) -> BlobCheck:
        """Check a blob: its data's length and SHA-256; with a key also that it opens to the content it was put with.

        Raises BlobUnavailable; NoKeyError when there are keys, and none is a recipient's.
        """
        try:
            entry = await self._find(address)
            if isinstance(entry, BlobTombstone):
                gone = await self._objects.size(entry.data) is None
                return BlobCheck(address, BlobState.DESTROYED, "" if gone else "its data are still there")
            await self._check_stored(entry)
            if self._keys:
                blob = await self._open(entry)
                await self._check_content(blob)
                return BlobCheck(address, BlobState.INTACT, sha256=blob.sha256)
        except BlobMissing as error:
            return BlobCheck(address, BlobState.MISSING, str(error))
        except BlobDamaged as error:
            return BlobCheck(address, BlobState.ALTERED, str(error))
        return BlobCheck(address, BlobState.INTACT)

    async def _find(self, address: BlobAddress) -> BlobEntry:
        found = await self._objects.read(address.head_name)
        if found is None:
            raise BlobMissing(f"there is no blob {address}")
        return parse_entry(address, found)

    async def _open(self, head: BlobHead) -> OpenBlob:
        try:
            secret = open_secret(head, self._site, self._keys)
        except SealError as error:
            if type(error) is not SealError:  # NoKeyError
                raise
            raise BlobDamaged(f"blob {head.address}: {error}") from None
        if head.stored_size_bytes != sealed_size(secret.size_bytes) + TRAILER_SIZE_BYTES:
            raise BlobDamaged(f"blob {head.address}: its head gives another length than its envelope")
        await self._require_size(head)
        return OpenBlob(self._objects, head, secret)

    async def _require_size(self, head: BlobHead) -> None:
        size = await self._objects.size(head.data)
        if size is None:
            raise BlobMissing(f"the data of blob {head.address} are gone")
        if size != head.stored_size_bytes:
            raise BlobDamaged(
                f"blob {head.address}: {size:,} bytes are there and not {head.stored_size_bytes:,}"
            )

    async def _check_stored(self, head: BlobHead) -> None:
        await self._require_size(head)
        digest = sha256()
        for start in range(0, head.stored_size_bytes, _READ_SIZE_BYTES):
            end = min(start + _READ_SIZE_BYTES, head.stored_size_bytes)
            digest.update(await self._objects.read_range(head.data, start, end))
        if digest.hexdigest() != head.stored_sha256:
            raise BlobDamaged(f"blob {head.address}: its data have another SHA-256")
        start = max(0, head.stored_size_bytes - TRAILER_SIZE_BYTES)
        trailer = await self._objects.read_range(head.data, start, head.stored_size_bytes)
        if trailer != encode_trailer(head.address):
            raise BlobDamaged(f"blob {head.address}: its data are those of another blob")

    async def _check_content(self, blob: OpenBlob) -> None:
        digest = sha256()
        async for piece in blob.read():
            digest.update(piece)
        if digest.digest() != blob.sha256:
            raise BlobDamaged("its content has another SHA-256 than its envelope says")
