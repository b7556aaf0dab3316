"""A file that is looked into: the one that was sent, or a member of it at some depth."""

import io
import mmap
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO

from components.transfer.inspect.limits import Budget
from policy.files.facts import FileMark

Data = bytes | mmap.mmap
"""The bytes of a file. Both kinds are sliced, searched and unpacked alike."""

CHUNK_BYTES = 1 << 16
MOST_NAMES = 1000
"""Names of members that are told; more say nothing more."""
_MOST_NAME_CHARACTERS = 255

OF_PARTS = frozenset(
    {FileMark.EXECUTABLE, FileMark.MACROS, FileMark.ENCRYPTED, FileMark.BOMB, FileMark.LOCATION}
)
"""What a part of a document says of the document; its parts have names and kinds that nobody is shown."""


@dataclass(slots=True)
class Work:
    """What all items of one look share: what is used up, names that were seen, and who looks at the next item."""

    budget: Budget
    look: Callable[["Item"], None]
    names: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Item:
    """A file under a look. `depth` is 0 for the file that was sent.

    `media_types` are those that it is of by content, once they are known; the first one is what it is taken for.
    """

    data: Data
    name: str
    work: Work
    claimed_type: str = ""
    depth: int = 0
    is_part: bool = False
    media_types: list[str] = field(default_factory=list)
    marks: set[FileMark] = field(default_factory=set)
    width: int = 0
    height: int = 0

    @property
    def media_type(self) -> str:
        """What it is taken for, nothing before that is known."""
        return self.media_types[0] if self.media_types else ""

    def refine(self, media_type: str, closer: str) -> None:
        """Name the kind of a file closer, such as a document for a ZIP."""
        self.media_types = [closer if each == media_type else each for each in self.media_types]

    def note_name(self, name: str) -> None:
        """Count a member of an archive and keep its name; raises TooMuch."""
        self.work.budget.take_members()
        if len(self.work.names) < MOST_NAMES:
            self.work.names.append(_printable(name))

    def look_at(self, name: str, chunks: Iterable[bytes], *, is_part: bool = False) -> None:
        """Look into a member that these chunks are; raises TooMuch, and what the chunks raise.

        A part belongs to a document and has no name of its own that somebody would see.
        """
        self.work.budget.check_depth(self.depth + 1)
        data = _keep(chunks, self.work.budget)
        member = Item(data, name, self.work, depth=self.depth + 1, is_part=is_part)
        try:
            self.work.look(member)
        finally:
            # Also what was found before a limit was reached.
            self.marks |= member.marks & OF_PARTS if is_part else member.marks
            if isinstance(data, mmap.mmap):
                data.close()

    def measure(self, width: int, height: int) -> None:
        """Take a picture's size in pixels."""
        self.width, self.height = width, height
        if self.work.budget.is_pixel_bomb(width, height):
            self.marks.add(FileMark.BOMB)


class DataFile(io.RawIOBase):
    """Bytes from a place on as a file that libraries read and seek in, without a copy of them."""

    def __init__(self, data: Data, start: int = 0) -> None:
        self._data = data
        self._start = start
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, from the start, from here, or from the end; raises ValueError before the start."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: len(self._data) - self._start}[whence]
        if start + offset < 0:
            raise ValueError("before the start")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """Fill the buffer as far as there are bytes, and return how many there were."""
        with memoryview(buffer) as view:
            at = self._start + self._at
            part = self._data[at : at + view.nbytes]
            view.cast("B")[: len(part)] = part
        self._at += len(part)
        return len(part)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a file, from the place where it starts to that where it ends."""

    start: int
    end: int

    def read(self, data: Data, most_bytes: int | None = None) -> bytes:
        """Return its bytes, at most so many."""
        return data[self.start : self.end if most_bytes is None else min(self.end, self.start + most_bytes)]

    def chunks(self, data: Data) -> Iterator[bytes]:
        """Yield its bytes in chunks."""
        return slices(data, self.start, self.end)


def slices(data: Data, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yield bytes from one place to another in chunks."""
    stop = len(data) if end is None else min(end, len(data))
    for at in range(start, stop, CHUNK_BYTES):
        yield data[at : min(at + CHUNK_BYTES, stop)]


def read_stream(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield what a stream gives until it ends."""
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


def map_file(fd: int) -> Data:
    """Return the whole content of an open file, which need not fit into memory; raises OSError if it is none."""
    described = os.fstat(fd)
    # Not even the size of a pipe is known. An empty file cannot be mapped.
    if described.st_size or not stat.S_ISREG(described.st_mode):
        return mmap.mmap(fd, 0, prot=mmap.PROT_READ)
    return b""


def _keep(chunks: Iterable[bytes], budget: Budget) -> Data:
    """Return unpacked bytes, kept in memory that is no file on a disk: what people send is nowhere in clear."""
    kept = os.memfd_create("member", os.MFD_CLOEXEC)
    try:
        with open(kept, "wb", closefd=False) as file:
            for chunk in chunks:
                budget.take_bytes(len(chunk))
                file.write(chunk)
        return map_file(kept)
    finally:
        os.close(kept)


def _printable(name: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in name[:_MOST_NAME_CHARACTERS])
