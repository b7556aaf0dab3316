"""A site's blobs and a machine's copies of them, without a network between."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from components.archive.blobs.address import BlobAddress
from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.head import BlobEntry, BlobHead
from components.archive.follow.file_copies import FileCopies
from components.archive.follow.files import FileMark, encode_heads, parse_heads
from components.archive.follow.files_source import find_entries, read_data
from components.follow.client import FeedUnavailable
from tests.support.blobs import content, open_store, pieces

SIZES = (0, 1, 70_000, 300_000)


def mark_of(address: BlobAddress) -> FileMark:
    return FileMark(address.retention_class, address.mark)


async def put(root: Path, data: bytes, beside: BlobAddress | None = None) -> BlobHead:
    """Put a blob at the site, and return its head."""
    objects = DirectoryObjects(root)
    blob = await open_store(objects).put(pieces(data), 1, beside=beside)
    entry = await open_store(objects).find(blob.address)
    assert isinstance(entry, BlobHead)
    return entry


async def put_sizes(root: Path) -> list[BlobHead]:
    return [await put(root, content(size)) for size in SIZES]


async def data_of(root: Path, head: BlobHead) -> bytes:
    return (root / head.data).read_bytes()


async def whole(data: bytes, start: int = 0, piece_bytes: int = 65_536) -> AsyncGenerator[bytes, None]:
    """Yield data as a link brings them."""
    for begin in range(start, len(data), piece_bytes):
        yield data[begin : begin + piece_bytes]


async def copy(copies: FileCopies, root: Path, head: BlobHead) -> None:
    """Copy a blob as the follower does."""
    start = await copies.count_here(head)
    await copies.take(head, whole(await data_of(root, head), start))


@dataclass
class Link:
    """A feed of the files at `root`: after `cut_after` bytes it is cut, and `change` changes what it sends."""

    root: Path
    change: Callable[[bytes], bytes] = lambda data: data
    change_heads: Callable[[bytes], bytes] = lambda data: data
    cut_after: int | None = None
    error: Exception | None = None
    asked: list[tuple[int, int]] = field(default_factory=list)

    async def fetch_heads(self, log: str, record: int, mark: FileMark) -> Sequence[BlobEntry]:
        if self.error is not None:
            raise self.error
        entries = await find_entries(DirectoryObjects(self.root), mark)
        return parse_heads(self.change_heads(encode_heads(entries)), mark)

    async def fetch_data(
        self, log: str, record: int, head: BlobHead, start: int
    ) -> AsyncGenerator[bytes, None]:
        self.asked.append((record, start))
        entries = await find_entries(DirectoryObjects(self.root), mark_of(head.address))
        there = next(each for each in entries if isinstance(each, BlobHead) and each.address == head.address)
        left = self.cut_after
        async for piece in read_data(DirectoryObjects(self.root), there, start):
            changed = self.change(piece)
            if left is not None:
                changed = changed[:left]
                left -= len(changed)
            yield changed
            if left == 0:
                raise FeedUnavailable("was cut")
