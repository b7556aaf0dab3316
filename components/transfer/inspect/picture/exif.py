"""TIFF directories (TIFF 6.0, section 2), of which EXIF metadata (CIPA DC-008) are made, too."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from components.transfer.inspect.item import Data
from components.transfer.inspect.limits import Unreadable

GPS_DIRECTORY = 0x8825
ORIENTATION = 0x0112
WIDTH, HEIGHT = 0x0100, 0x0101
XMP = 0x02BC
_SUB_DIRECTORIES = 0x014A
_MOST_DIRECTORIES = 64
"""More belong to no picture; and a chain of them may lead back to itself."""
_ENTRY_BYTES = 12
_UPRIGHT = 1


class Entry(NamedTuple):
    """An entry of a directory: how many `values` it has, and where its 4 bytes of value or offset lie."""

    tag: int
    type: int
    values: int
    at: int


class Tiff:
    """TIFF structures at a place among other bytes. Offsets count from `start`."""

    def __init__(self, data: Data, start: int = 0) -> None:
        head = data[start : start + 4]
        if head not in (b"II*\0", b"MM\0*"):
            raise Unreadable
        self._data, self._start = data, start
        self.order = "<" if head[:1] == b"I" else ">"
        self.first = self._number("I", start + 4)

    def _number(self, kind: str, at: int) -> int:
        return int(struct.unpack_from(self.order + kind, self._data, at)[0])

    def value(self, entry: Entry) -> int:
        """Return the first number of an entry that is a short or a long one."""
        return self._number("H" if entry.type == 3 else "I", entry.at)

    def bytes_of(self, entry: Entry) -> bytes:
        """Return the bytes of an entry of single bytes."""
        at = entry.at if entry.values <= 4 else self._start + self._number("I", entry.at)
        return self._data[at : at + entry.values]

    def directory(self, offset: int) -> tuple[list[Entry], int]:
        """Return a directory's entries and the offset of the next one, 0 if there is none; raises struct.error."""
        at = self._start + offset
        count = self._number("H", at)
        entries = [self._entry(at + 2 + _ENTRY_BYTES * each) for each in range(count)]
        after = at + 2 + _ENTRY_BYTES * count
        has_next = after + 4 <= len(self._data)
        return entries, self._number("I", after) if has_next else 0

    def _entry(self, at: int) -> Entry:
        tag, type_, count = struct.unpack_from(self.order + "HHI", self._data, at)
        return Entry(tag, type_, count, at + 8)

    def directories(self) -> Iterator[list[Entry]]:
        """Yield all directories of pictures, also those below others; raises struct.error, Unreadable."""
        left, seen = [self.first], set[int]()
        while left:
            offset = left.pop()
            if offset in seen or len(seen) > _MOST_DIRECTORIES:
                raise Unreadable
            seen.add(offset)
            entries, following = self.directory(offset)
            yield entries
            left += [
                self.value(each) for each in entries if each.tag == _SUB_DIRECTORIES and each.values == 1
            ]
            if following:
                left.append(following)

    def has_location(self) -> bool:
        """Return whether a GPS directory holds more than its version (CIPA DC-008, 4.6.6)."""
        for entries in self.directories():
            for each in entries:
                if each.tag == GPS_DIRECTORY and any(tag.tag for tag in self.directory(self.value(each))[0]):
                    return True
        return False


def exif_has_location(exif: bytes) -> bool:
    """Return whether EXIF metadata say where; what cannot be read, and names the directory, counts as if it did."""
    try:
        return Tiff(exif).has_location()
    except (Unreadable, struct.error):
        return b"\x88\x25" in exif or b"\x25\x88" in exif


def read_orientation(exif: bytes) -> int:
    """Return how a picture is to be turned, 1 (upright) to 8 (CIPA DC-008, 4.6.4)."""
    try:
        tiff = Tiff(exif)
        for each in tiff.directory(tiff.first)[0]:
            if each.tag == ORIENTATION and 1 <= tiff.value(each) <= 8:
                return tiff.value(each)
    except (Unreadable, struct.error):
        pass
    return _UPRIGHT


def encode_orientation(orientation: int) -> bytes:
    """Return EXIF metadata that say nothing else; nothing for an upright picture."""
    if orientation == _UPRIGHT:
        return b""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, ORIENTATION, 3, 1, orientation, 0, 0)
