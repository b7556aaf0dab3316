"""TAR (POSIX.1-2017, pax and ustar; GNU's additions)."""

import io
import tarfile

from components.transfer.inspect.item import DataFile, Item, slices
from components.transfer.inspect.limits import Unreadable
from policy.files.facts import FileMark

_BLOCK_BYTES = 512


def look_into_tar(item: Item) -> None:
    """Look into a TAR and all its members; raises TooMuch, Unreadable, tarfile.TarError."""
    item.marks.add(FileMark.ARCHIVE)
    end = 0
    with tarfile.open(fileobj=io.BufferedReader(DataFile(item.data)), mode="r:") as opened:
        while (member := opened.next()) is not None:
            # It would keep all that it has read.
            opened.__dict__["members"].clear()
            item.note_name(member.name)
            size = member.size if member.isreg() else 0
            start, end = member.offset_data, max(end, member.offset_data + size)
            if start + size > len(item.data):
                raise Unreadable
            if member.issparse():
                # Where its bytes belong is another matter; all of them are read.
                item.marks.add(FileMark.UNSCANNABLE)
            elif member.isreg():
                item.look_at(member.name, slices(item.data, start, start + size))
            elif not member.isdir():
                # A link is unpacked under its name, too.
                item.look_at(member.name, ())
    _check_end(item, -(-end // _BLOCK_BYTES) * _BLOCK_BYTES)


def _check_end(item: Item, end: int) -> None:
    """Mark what follows behind the blocks of zeros that end the archive."""
    if not end:
        raise Unreadable
    if item.data[end : end + _BLOCK_BYTES].strip(b"\0"):
        # A header that is none: what follows was not read.
        item.marks.add(FileMark.UNSCANNABLE)
    elif any(chunk.strip(b"\0") for chunk in slices(item.data, end)):
        item.marks.add(FileMark.TRAILING_BYTES)
