"""Reads the files that a log's records refer to, for a machine that copies the log; nothing is opened."""

from collections.abc import AsyncGenerator
from contextlib import suppress

from components.archive.blobs.address import BlobAddressError, parse_head_name
from components.archive.blobs.errors import BlobDamaged, BlobMissing
from components.archive.blobs.head import BlobEntry, BlobHead
from components.archive.blobs.objects import ObjectStore
from components.archive.blobs.store import parse_entry
from components.archive.errors import LogDamaged
from components.archive.follow.files import FileMark
from components.archive.log.leaf import NO_CONVERSATION, Leaf, LeafError, parse_leaf
from components.archive.record import RecordKind
from components.archive.store import LogSource

_READ_SIZE_BYTES = 256 * 1024


async def find_mark(source: LogSource, record: int) -> FileMark | None:
    """Return what a record says of its file; None unless a checkpoint covers it and it is not destroyed.

    Raises LogUnavailable and LogDamaged.
    """
    newest = await source.fetch_newest_checkpoint()
    if newest is None or not 0 <= record < newest.size or await source.fetch_destroyed(record, record + 1):
        return None
    leaves = await source.fetch_leaves(record, record + 1)
    return read_mark(parse_any(leaves[0])) if leaves else None


def read_mark(leaf: Leaf) -> FileMark | None:
    """Return the mark of the file that a leaf refers to, None if it is of something else."""
    if leaf.kind != RecordKind.FILE or leaf.conversation == NO_CONVERSATION:
        return None
    return FileMark(leaf.retention_class, leaf.conversation)


def parse_any(leaf: bytes) -> Leaf:
    """Parse a leaf; raises LogDamaged."""
    try:
        return parse_leaf(leaf)
    except LeafError as error:
        raise LogDamaged(f"a record of a file: {error}") from error


async def find_entries(objects: ObjectStore, mark: FileMark) -> list[BlobEntry]:
    """Return the heads and tombstones of the file with this mark, and of copies beside it; raises BlobUnavailable.

    A head that is damaged is left out: whoever asks is told that there is none.
    """
    found: list[BlobEntry] = []
    names = [each.name async for each in objects.list(mark.folder) if each.name.startswith(mark.prefix)]
    for name in sorted(names):
        with suppress(BlobAddressError, BlobDamaged):
            address = parse_head_name(name)
            if (content := await objects.read(name)) is not None:
                found.append(parse_entry(address, content))
    return found


async def require_data(objects: ObjectStore, head: BlobHead) -> None:
    """Raise BlobMissing or BlobDamaged unless a blob's data are there with their length; raises BlobUnavailable."""
    size = await objects.size(head.data)
    if size is None:
        raise BlobMissing(f"the data of blob {head.address} are gone")
    if size != head.stored_size_bytes:
        raise BlobDamaged(f"blob {head.address}: {size:,} bytes are there and not {head.stored_size_bytes:,}")


async def read_data(objects: ObjectStore, head: BlobHead, start: int) -> AsyncGenerator[bytes, None]:
    """Yield a blob's data as they are stored, from byte `start` on; raises BlobMissing and BlobUnavailable."""
    while start < head.stored_size_bytes:
        end = min(start + _READ_SIZE_BYTES, head.stored_size_bytes)
        piece = await objects.read_range(head.data, start, end)
        if not piece:
            raise BlobMissing(f"the data of blob {head.address} are gone")
        yield piece
        start += len(piece)
