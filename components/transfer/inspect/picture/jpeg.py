"""JPEG (ITU-T T.81, annex B) with the segments that cameras add (CIPA DC-007, DC-008)."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from components.transfer.inspect.item import CHUNK_BYTES, Data, Piece
from components.transfer.inspect.limits import Unreadable
from components.transfer.inspect.picture.exif import Tiff, exif_has_location
from components.transfer.inspect.picture.facts import Picture, at_most, xmp_has_location

SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
APP1, APP2, APP13 = 0xE1, 0xE2, 0xED
EXIF = b"Exif\0\0"
MULTIPLE = b"MPF\0"
# Start of frame: all but DHT, JPG and DAC, which lie among them.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
# A marker in the coded picture: not a stuffed byte, a restart, or a byte that fills.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_ENTRIES_OF_PICTURES = 0xB002
_MPF_ENTRY_BYTES = 16
# IPTC-IIM 4.2, record 2: city, sub-location, province.
_IPTC_PLACES = re.compile(rb"\x1c\x02[\x5a\x5c\x5f]\x00[^\x00]")


@dataclass(frozen=True, slots=True)
class Segment(Piece):
    """A segment, from its marker on, and where its body starts; that of SOS ends behind the coded picture."""

    marker: int
    body: int


def segments_of(data: Data) -> Iterator[Segment]:
    """Yield all segments up to EOI, which is the last; raises Unreadable if it does not come."""
    return at_most(_walk(data))


def _walk(data: Data) -> Iterator[Segment]:
    at = 2
    while at + 2 <= len(data):
        start = at
        if data[at] != 0xFF:
            break
        while at < len(data) and data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        if marker == EOI or marker in _ALONE:
            yield Segment(start, at, marker, at)
            if marker == EOI:
                return
            continue
        body = at + 2
        at += int(struct.unpack_from(">H", data, at)[0])
        if at > len(data) or at < body:
            break
        if marker == SOS:
            at = _end_of_coded(data, at)
        yield Segment(start, at, marker, body)
    raise Unreadable


def _end_of_coded(data: Data, start: int) -> int:
    """Return where the next marker lies behind coded bytes."""
    for at in range(start, len(data), CHUNK_BYTES):
        # One byte more: a marker may lie across two chunks.
        if found := _MARKER.search(data[at : at + CHUNK_BYTES + 1]):
            return at + found.start()
    raise Unreadable


def read_jpeg(data: Data) -> Picture:
    """Return what a JPEG's segments tell; raises Unreadable, struct.error, IndexError.

    Further pictures that its first one lists (CIPA DC-007) belong to it: their end is its end.
    """
    width = height = end = last = 0
    has_location = False
    for segment in segments_of(data):
        end = max(end, segment.end)
        if segment.marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, segment.body + 1)
        elif segment.marker in (APP1, APP13):
            has_location |= _has_location(segment.marker, data[segment.body : segment.end])
        elif segment.marker == APP2 and data[segment.body : segment.body + 4] == MULTIPLE:
            last = _end_of_listed(data, segment.body + 4)
    if not width:
        raise Unreadable
    return Picture(width, height, max(end, min(last, len(data))), has_location)


def _has_location(marker: int, body: bytes) -> bool:
    if marker == APP13:
        return _IPTC_PLACES.search(body) is not None
    if body.startswith(EXIF):
        return exif_has_location(body[len(EXIF) :])
    return xmp_has_location(body)


def _end_of_listed(data: Data, start: int) -> int:
    """Return the end of the last picture that a list of several names (CIPA DC-007, 5.2.3)."""
    tiff = Tiff(data, start)
    ends = [0]
    for entry in tiff.directory(tiff.first)[0]:
        if entry.tag != _ENTRIES_OF_PICTURES:
            continue
        listed = tiff.bytes_of(entry)
        for at in range(0, len(listed) - _MPF_ENTRY_BYTES + 1, _MPF_ENTRY_BYTES):
            size, offset = struct.unpack_from(tiff.order + "II", listed, at + 4)
            # Each has to be a picture, or it would hide what follows the first one.
            if offset and data[start + offset : start + offset + 2] == b"\xff\xd8":
                ends.append(start + offset + size)
    return max(ends)
