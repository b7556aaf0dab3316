"""Destroys blobs whose records were destroyed, once no record refers to them any more (docs/blobs.md, section 7)."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

import structlog

from components.archive.blobs.address import BlobAddress, parse_address
from components.archive.blobs.errors import BlobDamaged, BlobMissing, BlobRenewed, BlobUnavailable
from components.archive.blobs.head import BlobHead
from components.archive.blobs.objects import ObjectStore
from components.archive.blobs.store import BlobStore
from components.archive.blobs.sweep import sweep
from components.archive.errors import LogDamaged, LogUnavailable
from components.archive.log.leaf import NO_CONVERSATION, Leaf, LeafError, parse_leaf
from components.archive.orders.contents import SegmentContents, fetch_segment, read_segment
from components.archive.orders.ledger import Ledger
from components.archive.orders.order import Order, OrderAct
from components.archive.orders.pieces import is_finished
from components.archive.record import RecordKind
from components.archive.store import LogSource
from components.transfer.state import UploadStore

_EVERY_S = 2.0
_LONGEST_PAUSE_S = 600.0
_SWEEP_EVERY_S = 3600.0
_CHUNK_RECORDS = 4096
# All records are read once for so many blobs.
_BLOBS_AT_ONCE = 100_000
# Where a leaf has its kind (docs/archive-format.md, section 3).
_KIND = 1

log = structlog.get_logger("transfer")


class _Mark(NamedTuple):
    """What a leaf says of the blob that its record refers to."""

    retention_class: int
    mark: bytes


class DestroyedFiles:
    """Follows the orders of the log `transfer`: what it destroys of files is so after the records, never before.

    `source` reads the log that this process writes. Killed at any point, the next start goes on: the leaves of a
    destroyed record stay, and say which blob it referred to.
    """

    def __init__(self, source: LogSource, uploads: UploadStore, blobs: BlobStore) -> None:
        self._source = source
        self._uploads = uploads
        self._blobs = blobs
        self._ledger = Ledger()
        # When an order that could not be finished is looked at again, and after what pause.
        self._later: dict[str, tuple[float, float]] = {}

    async def serve(self, now_s: float) -> int:
        """Destroy what orders have left of files, and return how many blobs; `now_s` is any steady clock's.

        Raises LogUnavailable, LogDamaged and BlobUnavailable.
        """
        await self._ledger.catch_up(self._source)
        if not (orders := self._ledger.destructive()):
            return 0
        finished = await self._uploads.list_finished()
        count = 0
        for order in orders:
            due_s, pause_s = self._later.get(order.id, (now_s, _EVERY_S))
            if order.id in finished or due_s > now_s:
                continue
            destroyed, is_over = await self._finish(order)
            count += destroyed
            if is_over:
                # Killed before this: all is gone, and the next start looks at the order once more.
                self._uploads.finish_order(order.id)
                self._later.pop(order.id, None)
            else:
                self._later[order.id] = (now_s + pause_s, min(2 * pause_s, _LONGEST_PAUSE_S))
        return count

    async def _finish(self, order: Order) -> tuple[int, bool]:
        """Destroy what an order has left of files; returns how many blobs, and whether it has nothing left to do."""
        count, is_over = 0, True
        marks: set[_Mark] = set()
        for place, number in enumerate(order.segments):
            if (row := await fetch_segment(self._source, number)) is not None:
                contents = await read_segment(self._source, row)
                is_over &= is_finished(order, contents)
                leaves = _find_destroyed(order, contents)
                self._uploads.forget_recorded(leaf.index for leaf in leaves)
                marks |= {_mark_of(leaf) for leaf in leaves if leaf.conversation != NO_CONVERSATION}
            if marks and (len(marks) >= _BLOBS_AT_ONCE or place == len(order.segments) - 1):
                destroyed, all_settled = await self._destroy(order.id, marks)
                count, is_over = count + destroyed, is_over and all_settled
                marks = set()
        return count, is_over

    async def _destroy(self, order: str, marks: set[_Mark]) -> tuple[int, bool]:
        """Destroy the blobs with these marks that no record refers to; what is just being put is left for later."""
        # In this order: first the blobs as they are, then what is being put, then the records. A file that comes
        # meanwhile is among those that are put, or has its record, or has renewed the blob.
        seen = [each async for each in self._find_blobs(marks)]
        # By marks: a copy that is about to be put has that of its file.
        coming = {_mark_of_address(parse_address(each.address)) for each in await self._uploads.list_stored()}
        referred = await self._find_referred(marks)
        count, all_settled = 0, True
        for address, put_before_ns in seen:
            if _mark_of_address(address) in referred:
                continue
            if _mark_of_address(address) in coming:
                all_settled = False
                continue
            try:
                await self._blobs.destroy(address, order, put_before_ns)
                count += 1
            except BlobMissing:
                continue
            except (BlobRenewed, BlobDamaged) as error:
                log.warning("a file is not destroyed yet", reason=str(error))
                all_settled = False
        return count, all_settled

    async def _find_blobs(self, marks: Iterable[_Mark]) -> AsyncIterator[tuple[BlobAddress, int]]:
        """Yield the blobs with these marks, and before when each must have been put to be destroyed."""
        folders: dict[tuple[int, str], set[bytes]] = {}
        for mark in marks:
            folders.setdefault((mark.retention_class, mark.mark[:1].hex()), set()).add(mark.mark)
        for (retention_class, digits), wanted in sorted(folders.items()):
            async for address in self._blobs.list(retention_class, digits):
                if address.mark in wanted:
                    yield address, await self._find_put_before(address)

    async def _find_put_before(self, address: BlobAddress) -> int:
        with suppress(BlobMissing, BlobDamaged):
            entry = await self._blobs.find(address)
            if isinstance(entry, BlobHead):
                return entry.renewed_at_ns + 1
        # Of what is destroyed already, only data may be left.
        return 0

    async def _find_referred(self, marks: set[_Mark]) -> set[_Mark]:
        """Return those of these marks that a record has which is not destroyed."""
        bounds = await self._source.fetch_bounds()
        first, end = (bounds[0], bounds[1] + 1) if bounds else (0, 0)
        referred: set[_Mark] = set()
        for begin in range(first, end, _CHUNK_RECORDS):
            stop = min(begin + _CHUNK_RECORDS, end)
            found = _parse_files(await self._source.fetch_leaves(begin, stop))
            named = [leaf for leaf in found if _mark_of(leaf) in marks]
            gone = set(await self._source.fetch_destroyed(begin, stop)) if named else set()
            referred |= {_mark_of(leaf) for leaf in named if leaf.index not in gone}
        return referred


async def keep_destroyed(files: DestroyedFiles) -> None:
    """Destroy what is left of files whose records are destroyed, until cancelled; try again what cannot be done now."""
    while True:
        try:
            if count := await files.serve(time.monotonic()):
                log.info("files were destroyed with their records", count=count)
        except (LogUnavailable, BlobUnavailable) as error:
            log.error("files of destroyed records are still there", reason=str(error))
        except LogDamaged as error:
            # What refers to a blob is not certain any more.
            log.error("no files are destroyed any more", reason=str(error))
            await asyncio.Event().wait()
        await asyncio.sleep(_EVERY_S)


async def keep_swept(objects: ObjectStore) -> None:
    """Remove what interrupted puts left in a store, once it is a day old, until cancelled."""
    while True:
        try:
            swept = await sweep(objects, time.time())
            if swept.removed or swept.doubtful:
                log.info("interrupted puts", removed=len(swept.removed), doubtful=swept.doubtful)
        except BlobUnavailable as error:
            log.error("what interrupted puts left is still there", reason=str(error))
        await asyncio.sleep(_SWEEP_EVERY_S)


def _find_destroyed(order: Order, contents: SegmentContents) -> list[Leaf]:
    """Return the records of files in a segment that an order has destroyed."""
    named = None if order.act is OrderAct.EXPIRE else set(order.indexes)
    return [
        leaf
        for leaf in contents.leaves
        if leaf.kind == RecordKind.FILE
        and leaf.index in contents.destroyed
        and (named is None or leaf.index in named)
    ]


def _parse_files(leaves: Sequence[bytes]) -> list[Leaf]:
    """Parse the leaves of records of files; raises LogDamaged."""
    try:
        return [parse_leaf(leaf) for leaf in leaves if leaf[_KIND] == RecordKind.FILE]
    except LeafError as error:
        raise LogDamaged(f"a record of a file: {error}") from error


def _mark_of_address(address: BlobAddress) -> _Mark:
    return _Mark(address.retention_class, address.mark)


def _mark_of(leaf: Leaf) -> _Mark:
    return _Mark(leaf.retention_class, leaf.conversation)
