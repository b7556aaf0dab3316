"""Puts blobs: seals them as they stream in, stores each once, durably before it is named; and destroys them."""

import os
import secrets
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from components.archive.blobs.address import (
    BlobAddress,
    BlobAddressError,
    derive_address,
    encode_trailer,
    parse_head_name,
)
from components.archive.blobs.errors import (
    BlobDamaged,
    BlobError,
    BlobMissing,
    BlobRenewed,
    BlobUnavailable,
    VersionConflict,
)
from components.archive.blobs.head import (
    BlobEntry,
    BlobHead,
    BlobSecret,
    BlobTombstone,
    HeadError,
    encode_head,
    parse_head,
    seal_secret,
)
from components.archive.blobs.objects import ObjectStore, VersionedContent
from components.archive.blobs.sealing import Sealing, closed
from components.archive.seal import KEY_SIZE_BYTES, Recipient

_MAX_CONFLICTS = 16


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """The result of a put, which the caller records with what refers to it: `is_new` says whether the content is new.

    `size_bytes` and `sha256` are the content's, not those of the data as stored.
    """

    address: BlobAddress
    size_bytes: int
    sha256: bytes
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Sealed:
    """Stored data under a name that nothing refers to yet."""

    blob: StoredBlob
    head: BlobHead


class BlobStore:
    """The blobs of one site, sealed to `recipients`; several processes may use the same objects at once.

    `address_key` (32 bytes) makes addresses; with another key equal files are stored once more, and nothing is lost.
    """

    def __init__(
        self,
        objects: ObjectStore,
        site: str,
        address_key: bytes,
        recipients: Sequence[Recipient],
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        if not recipients:
            raise ValueError("a blob needs a recipient: what nobody can open is not kept")
        self._objects = objects
        self._site = site
        self._address_key = address_key
        self._recipients = tuple(recipients)
        self._clock_ns = clock_ns

    async def put(
        self,
        chunks: AsyncIterable[bytes],
        retention_class: int,
        before_named: Callable[[BlobAddress], None] = lambda _address: None,
        *,
        enterprise: str = "",
        beside: BlobAddress | None = None,
    ) -> StoredBlob:
        """Store a content, with only a few chunks of it in memory at a time; durable when this returns.

        If the enterprise has the same content in this class already, that blob is renewed and nothing is kept twice.
        `before_named` is called once the data are stored, for whoever has to know after a crash which blob it was.
        A blob `beside` another is kept as long as that one, by the same records (`BlobAddress.beside`).
        What `chunks` or `before_named` raises goes through, and leaves nothing, or what `sweep` removes. Raises
        BlobUnavailable, and ValueError for more than MAX_SIZE_BYTES.
        """
        sealed = await self._store_data(chunks, retention_class, enterprise, beside)
        # Killed from here on, or before: the data are there, and no head names them; `sweep` removes them.
        before_named(sealed.blob.address)
        if await self._publish(sealed.head):
            return sealed.blob
        await self._objects.delete(sealed.head.data)
        return replace(sealed.blob, is_new=False)

    async def find(self, address: BlobAddress) -> BlobEntry:
        """Return a blob's head or tombstone; raises BlobMissing, BlobDamaged, BlobUnavailable."""
        found = await self._objects.read(address.head_name)
        if found is None:
            raise BlobMissing(f"there is no blob {address}")
        return parse_entry(address, found)

    async def list(self, retention_class: int | None = None, digits: str = "") -> AsyncIterator[BlobAddress]:
        """Yield the addresses of blobs, also of destroyed ones: all, a class, or those that begin with two digits.

        Raises BlobUnavailable.
        """
        prefix = "head/" if retention_class is None else f"head/{retention_class}/"
        prefix += f"{digits}/" if digits else ""
        async for each in self._objects.list(prefix):
            with suppress(BlobAddressError):  # what is called otherwise is no head
                yield parse_head_name(each.name)

    async def destroy(
        self, address: BlobAddress, order: str, put_before_ns: int | None = None
    ) -> BlobTombstone:
        """Destroy a blob's keys, then its data; durable when this returns. It has to be called again when it raised.

        With `put_before_ns`, only if it was not put again since: raises BlobRenewed. Raises as `find` does, too.
        """
        return await destroy_blob(self._objects, address, order, self._clock_ns, put_before_ns)

    async def _store_data(
        self, chunks: AsyncIterable[bytes], retention_class: int, enterprise: str, beside: BlobAddress | None
    ) -> _Sealed:
        key = os.urandom(KEY_SIZE_BYTES)
        now_ns = self._clock_ns()
        name = _new_data_name(now_ns)
        sealing = Sealing(key)
        address: BlobAddress | None = None

        def make_trailer(content_sha256: bytes) -> bytes:
            nonlocal address
            place = enterprise, retention_class, self._recipients, content_sha256
            address = derive_address(self._address_key, self._site, *place)
            address = address.beside(beside) if beside else address
            return encode_trailer(address)

        try:
            async with closed(sealing.pieces(chunks, make_trailer)) as pieces:
                await self._objects.write(name, pieces)
        except BaseException:
            # A store may have the object although it says that it failed.
            with suppress(BlobError):
                await self._objects.delete(name)
            raise
        if address is None:
            raise BlobUnavailable("the store did not read the data to their end")
        content, stored = sealing.content, sealing.stored
        secret = BlobSecret(key, content.size_bytes, content.digest())
        head = BlobHead(
            address,
            name,
            stored.size_bytes,
            stored.digest().hex(),
            now_ns,
            now_ns,
            seal_secret(secret, self._site, address, self._recipients),
        )
        return _Sealed(StoredBlob(address, content.size_bytes, content.digest(), is_new=True), head)

    async def _publish(self, head: BlobHead) -> bool:
        """Put a head in place; returns False when another blob of this address is there and whole, and renews that."""
        name = head.address.head_name
        for _ in range(_MAX_CONFLICTS):
            found = await self._objects.read(name)
            kept = await self._find_whole(head.address, found)
            if kept is not None and kept.data == head.data:
                return True  # a request that seemed to fail had not
            renewed = (
                head
                if kept is None
                # Always later than before, also where the clock was set back: `destroy` goes by it.
                else replace(kept, renewed_at_ns=max(kept.renewed_at_ns + 1, self._clock_ns()))
            )
            try:
                await self._objects.swap(name, encode_head(renewed), found.version if found else None)
            except VersionConflict:
                continue
            # Killed here: data that an interrupted destruction left stay, and nobody has their key.
            await self._remove_leftover(head.address, found)
            return kept is None
        raise BlobUnavailable(f"blob {head.address} is changed all the time")

    async def _remove_leftover(self, address: BlobAddress, replaced: VersionedContent | None) -> None:
        """Delete the data of a destroyed blob whose tombstone has just been replaced."""
        with suppress(BlobDamaged):
            entry = parse_entry(address, replaced) if replaced else None
            if isinstance(entry, BlobTombstone):
                await self._objects.delete(entry.data)

    async def _find_whole(self, address: BlobAddress, found: VersionedContent | None) -> BlobHead | None:
        """Return the head of a blob whose data are there; None when it lacks them or was destroyed."""
        if found is None:
            return None
        try:
            entry = parse_entry(address, found)
        except BlobDamaged:
            return None
        if isinstance(entry, BlobTombstone):
            return None
        return entry if await self._objects.size(entry.data) == entry.stored_size_bytes else None


async def destroy_blob(
    objects: ObjectStore,
    address: BlobAddress,
    order: str,
    clock_ns: Callable[[], int] = time.time_ns,
    put_before_ns: int | None = None,
) -> BlobTombstone:
    """Destroy a blob of a store without the keys that blobs are put with, as `BlobStore.destroy` does."""
    for _ in range(_MAX_CONFLICTS):
        found = await objects.read(address.head_name)
        if found is None:
            raise BlobMissing(f"there is no blob {address}")
        entry = parse_entry(address, found)
        if isinstance(entry, BlobHead):
            if put_before_ns is not None and entry.renewed_at_ns >= put_before_ns:
                raise BlobRenewed(f"blob {address} was put again")
            tombstone = BlobTombstone(address, entry.data, clock_ns(), order)
            try:
                await objects.swap(address.head_name, encode_head(tombstone), found.version)
            except VersionConflict:
                continue
        else:
            tombstone = entry
        # Killed here: the data are there, and nobody can open them. Destroying it again deletes them.
        await objects.delete(tombstone.data)
        return tombstone
    raise BlobUnavailable(f"blob {address} is put again all the time")


def parse_entry(address: BlobAddress, found: VersionedContent) -> BlobEntry:
    """Parse a head that was read for this address; raises BlobDamaged."""
    try:
        entry = parse_head(found.content)
    except HeadError as error:
        raise BlobDamaged(f"blob {address}: {error}") from None
    if entry.address != address:
        raise BlobDamaged(f"blob {address}: its head is that of another")
    return entry


def _new_data_name(now_ns: int) -> str:
    day = time.strftime("%Y%m%d", time.gmtime(now_ns // 1_000_000_000))
    return f"data/{day}/{secrets.token_hex(16)}"
