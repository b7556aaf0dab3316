"""PNG (W3C Portable Network Graphics, third edition)."""

import re
import struct
import zlib
from collections.abc import Iterator

from components.transfer.inspect.item import Data
from components.transfer.inspect.limits import Unreadable
from components.transfer.inspect.picture.exif import exif_has_location
from components.transfer.inspect.picture.facts import Picture, at_most, xmp_has_location

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_METADATA_BYTES = 1 << 20
_RAW_PROFILE = re.compile(rb"Raw profile type (?:exif|APP1|xmp)\0", re.IGNORECASE)


def chunks_of(data: Data) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start and end of each chunk, the last one is IEND; raises Unreadable if it does not come."""
    return at_most(_walk(data))


def _walk(data: Data) -> Iterator[tuple[bytes, int, int]]:
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + size
        if end > len(data):
            break
        yield kind, at, end
        if kind == b"IEND":
            return
        at = end
    raise Unreadable


def read_png(data: Data) -> Picture:
    """Return what a PNG's chunks tell; raises Unreadable, struct.error."""
    if data[12:16] != b"IHDR":
        raise Unreadable
    width, height = struct.unpack_from(">II", data, 16)
    has_location, end = False, 0
    for kind, start, end in chunks_of(data):
        body = slice(start + 8, min(end - 4, start + 8 + _MOST_METADATA_BYTES))
        if kind == b"eXIf":
            has_location |= exif_has_location(data[body])
        elif kind in (b"iTXt", b"tEXt", b"zTXt"):
            has_location |= _text_has_location(kind, data[body])
    return Picture(width, height, end, has_location)


def _text_has_location(kind: bytes, text: bytes) -> bool:
    keyword, _, value = text.partition(b"\0")
    if (kind == b"iTXt" and value[:1] == b"\1") or kind == b"zTXt":
        packed = value[1:] if kind == b"zTXt" else value[2:].split(b"\0", 2)[-1]
        try:
            value = zlib.decompressobj().decompress(packed, _MOST_METADATA_BYTES)
        except zlib.error:
            return True  # nobody knows what it says
    if _RAW_PROFILE.match(keyword + b"\0"):
        return _profile_has_location(value)
    return xmp_has_location(value)


def _profile_has_location(value: bytes) -> bool:
    """Return whether metadata in hexadecimal, as ImageMagick writes them, say where."""
    digits = b"".join(value.split()[2:])
    try:
        raw = bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return True
    return exif_has_location(raw.removeprefix(b"Exif\0\0")) or xmp_has_location(raw)
