"""Writes a TIFF anew with what is needed to show it, and nothing else (TIFF 6.0)."""

import itertools
import struct
from collections.abc import Iterator
from typing import NamedTuple

from components.transfer.inspect.item import Data, slices
from components.transfer.inspect.limits import Unreadable
from components.transfer.inspect.picture.exif import Entry, Tiff

# By the sections of TIFF 6.0: what a baseline reader needs (8), compression (10, 11), transparency and colours (18 to
# 23), tiles (15), the place of a page among others (12); JPEG's tables; sample formats; and a profile of its colours.
_SHOWN = frozenset(
    (
        *(0x00FE, 0x00FF, *range(0x0100, 0x0104), *range(0x0106, 0x010B), *range(0x0111, 0x011E)),
        *(0x0122, 0x0123, 0x0124, 0x0125, 0x0128, 0x0129, 0x012D, *range(0x013D, 0x0146)),
        *(0x014C, 0x014E, 0x0150, *range(0x0152, 0x0156), *range(0x0211, 0x0215), 0x8773),
    )
) - {0x011D}  # a page's name
_COMPRESSION = 0x0103
# The parts are JPEG files, which have metadata of their own.
_OF_JPEGS = frozenset({6, 7, 34892})
# The tags of where a page's parts lie, and of how long each is: strips, or tiles.
_PLACES = {0x0111: 0x0117, 0x0144: 0x0145}
_DNG_VERSION = 0xC612
# Bytes of one value, by type (section 2).
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_SHORT, _LONG = 3, 4
_HEAD_BYTES, _ENTRY_BYTES = 8, 12
_MOST_PARTS = 1 << 20


class _Page(NamedTuple):
    """A page as it is to be written: its entries with their values, and the parts of its picture in the old file."""

    entries: list[tuple[Entry, bytes]]
    places_tag: int
    parts: list[tuple[int, int]]

    @property
    def directory_bytes(self) -> int:
        """How long its directory is, with the values that do not fit into it."""
        long = (_even(len(values)) for _, values in self.entries if len(values) > 4)
        return 2 + _ENTRY_BYTES * len(self.entries) + 4 + sum(long)

    @property
    def size_bytes(self) -> int:
        """How long all of it is."""
        return self.directory_bytes + sum(_even(end - start) for start, end in self.parts)


def strip_tiff(data: Data) -> Iterator[bytes]:
    """Return a TIFF without its metadata; raises Unreadable, struct.error, also for one that cannot be done."""
    tiff = Tiff(data)
    pages = [_read_page(data, tiff, entries) for entries in _pages(tiff)]
    # Parts that lie on one another would make more of it.
    if sum(page.size_bytes for page in pages) > 2 * len(data) + _HEAD_BYTES:
        raise Unreadable
    starts = list(itertools.accumulate((page.size_bytes for page in pages), initial=_HEAD_BYTES))
    head = struct.pack(tiff.order + "2sHI", data[:2], 42, _HEAD_BYTES)
    following = [*starts[1:-1], 0]
    written = (_write(data, tiff.order, *each) for each in zip(pages, starts[:-1], following, strict=True))
    return itertools.chain((head,), *written)


def _pages(tiff: Tiff) -> Iterator[list[Entry]]:
    """Yield the directories of pages, one after another; those below them hold smaller pictures, and go."""
    offset, seen = tiff.first, set[int]()
    while offset:
        if offset in seen or len(seen) > 1000:
            raise Unreadable
        seen.add(offset)
        entries, offset = tiff.directory(offset)
        yield entries


def _read_page(data: Data, tiff: Tiff, entries: list[Entry]) -> _Page:
    tags = {each.tag: each for each in entries}
    compression = tags.get(_COMPRESSION)
    places = [tag for tag in _PLACES if tag in tags]
    # A raw picture of a camera has its picture below.
    is_other = _DNG_VERSION in tags or (compression is not None and tiff.value(compression) in _OF_JPEGS)
    if is_other or len(places) != 1 or _PLACES[places[0]] not in tags:
        raise Unreadable
    starts, lengths = (_numbers(data, tiff, tags[tag]) for tag in (places[0], _PLACES[places[0]]))
    parts = [(start, start + length) for start, length in zip(starts, lengths, strict=True)]
    if any(end > len(data) for _, end in parts):
        raise Unreadable
    shown = [each for tag, each in tags.items() if tag in _SHOWN]
    kept = [(each, _values(data, tiff, each)) for each in shown if each.tag != places[0]]
    # Where the parts lie then is written with four bytes each.
    kept.append((tags[places[0]]._replace(type=_LONG), bytes(4 * len(parts))))
    kept.sort(key=lambda each: each[0].tag)
    return _Page(kept, places[0], parts)


def _values(data: Data, tiff: Tiff, entry: Entry) -> bytes:
    """Return the bytes of an entry's values, as they are in the file."""
    size = _WIDTHS.get(entry.type, 0) * entry.values
    if not 0 < size <= len(data):
        raise Unreadable
    at = entry.at if size <= 4 else int(struct.unpack_from(tiff.order + "I", data, entry.at)[0])
    if at + size > len(data):
        raise Unreadable
    return data[at : at + size]


def _numbers(data: Data, tiff: Tiff, entry: Entry) -> list[int]:
    if entry.type not in (_SHORT, _LONG) or entry.values > _MOST_PARTS:
        raise Unreadable
    kind = "H" if entry.type == _SHORT else "I"
    return list(struct.unpack(f"{tiff.order}{entry.values}{kind}", _values(data, tiff, entry)))


def _write(data: Data, order: str, page: _Page, start: int, following: int) -> Iterator[bytes]:
    """Yield a page that begins at `start`: its directory, the values that are long, and its parts."""
    part_at, places = start + page.directory_bytes, []
    for first, end in page.parts:
        places.append(part_at)
        part_at += _even(end - first)
    at = start + 2 + _ENTRY_BYTES * len(page.entries) + 4
    directory, long = struct.pack(order + "H", len(page.entries)), b""
    for entry, values in page.entries:
        is_place = entry.tag == page.places_tag
        written = struct.pack(f"{order}{len(places)}I", *places) if is_place else values
        directory += struct.pack(order + "HHI", entry.tag, entry.type, entry.values)
        directory += (
            written.ljust(4, b"\0") if len(written) <= 4 else struct.pack(order + "I", at + len(long))
        )
        long += written.ljust(_even(len(written)), b"\0") if len(written) > 4 else b""
    yield directory + struct.pack(order + "I", following) + long
    for first, end in page.parts:
        yield from slices(data, first, end)
        yield bytes(_even(end - first) - (end - first))


def _even(size: int) -> int:
    return size + size % 2
