"""WebP (RFC 9649)."""

import struct
from collections.abc import Iterator

from components.transfer.inspect.item import Data
from components.transfer.inspect.limits import Unreadable
from components.transfer.inspect.picture.exif import exif_has_location
from components.transfer.inspect.picture.facts import Picture, at_most, xmp_has_location

METADATA = frozenset({b"EXIF", b"XMP "})
_MOST_METADATA_BYTES = 1 << 20


def end_of_riff(data: Data) -> int:
    """Return the place behind the whole picture; raises Unreadable if bytes of it are missing."""
    end = 8 + int(struct.unpack_from("<I", data, 4)[0])
    if end > len(data):
        raise Unreadable
    return end


def chunks_of(data: Data) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start and end (with padding) of each chunk; raises Unreadable, struct.error."""
    return at_most(_walk(data))


def _walk(data: Data) -> Iterator[tuple[bytes, int, int]]:
    at, last = 12, end_of_riff(data)
    while at < last:
        kind, size = struct.unpack_from("<4sI", data, at)
        end = at + 8 + size + (size & 1)
        if end > last:
            raise Unreadable
        yield kind, at, end
        at = end


def exif_of(data: Data, start: int, end: int) -> bytes:
    """Return the EXIF metadata of a chunk; some writers put JPEG's prefix before them."""
    return data[start + 8 : min(end, start + 8 + _MOST_METADATA_BYTES)].removeprefix(b"Exif\0\0")


def read_webp(data: Data) -> Picture:
    """Return what a WebP's chunks tell; raises Unreadable, struct.error."""
    size, has_location = (0, 0), False
    for kind, start, end in chunks_of(data):
        if kind in (b"VP8X", b"VP8L", b"VP8 ") and size == (0, 0):
            size = _size(kind, data[start + 8 : start + 18])
        elif kind == b"EXIF":
            has_location |= exif_has_location(exif_of(data, start, end))
        elif kind == b"XMP ":
            has_location |= xmp_has_location(data[start + 8 : min(end, start + 8 + _MOST_METADATA_BYTES)])
    if size == (0, 0):
        raise Unreadable
    return Picture(*size, end_of_riff(data), has_location)


def _size(kind: bytes, head: bytes) -> tuple[int, int]:
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", head, 6)
    return width & 0x3FFF, height & 0x3FFF
