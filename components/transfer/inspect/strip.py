"""Gives a picture without its metadata: not where, when, by whom or with what it was taken. No pixel is changed."""

import itertools
import struct
import zlib
from collections.abc import Callable, Iterator

from components.transfer.inspect.item import Data, map_file, slices
from components.transfer.inspect.limits import Unreadable
from components.transfer.inspect.picture import gif, jpeg, png, webp
from components.transfer.inspect.picture.exif import encode_orientation, read_orientation
from components.transfer.inspect.signature import find_kinds
from components.transfer.inspect.strip_tiff import strip_tiff

Parts = Iterator[bytes]

_APPLICATION = range(0xE0, 0xF0)
_COMMENT = 0xFE
# What changes how the picture looks: its density, its colours, how they are coded.
_SHOWN_SEGMENTS = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
_SHOWN_CHUNKS = frozenset(
    b"PLTE tRNS gAMA cHRM sRGB iCCP cICP mDCV cLLI sBIT bKGD hIST pHYs sPLT acTL fcTL fdAT".split()
)
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_EXIF_FLAG, _XMP_FLAG = 0x08, 0x04
_MOST_EXIF_BYTES = 1 << 16


def without_metadata(fd: int) -> Iterator[bytes] | None:
    """Return the bytes of a picture without its metadata and without what follows its end.

    How it is to be turned is kept. None if it is no JPEG, PNG, WebP, GIF or TIFF, or if it is damaged: then it
    cannot be done. Raises OSError. The descriptor may be closed at once. The file is walked to its end first, a second
    or so for a large one: call it in a thread, and for files alone that a look found whole (not UNSCANNABLE).
    """
    data = map_file(fd)
    kinds = find_kinds(data)
    strip = _STRIPPERS.get(kinds[0]) if kinds else None
    if strip is None:
        return None
    try:
        # Its structure is walked to the end before anything is given out.
        return strip(data)
    except (Unreadable, IndexError, struct.error):
        return None


def _strip_jpeg(data: Data) -> Parts:
    segments = list(jpeg.segments_of(data))
    orientation = 1
    for each in segments:
        body = data[each.body : each.end] if each.marker == jpeg.APP1 else b""
        if body.startswith(jpeg.EXIF):
            orientation = read_orientation(body[len(jpeg.EXIF) :])
    kept = [each for each in segments if _is_shown(data, each)]
    exif = encode_orientation(orientation)
    head = b"\xff\xd8"
    if exif:
        head += struct.pack(">BBH", 0xFF, jpeg.APP1, 2 + len(jpeg.EXIF) + len(exif)) + jpeg.EXIF + exif
    return itertools.chain((head,), *(each.chunks(data) for each in kept))


def _is_shown(data: Data, segment: jpeg.Segment) -> bool:
    if segment.marker in _APPLICATION:
        prefix = _SHOWN_SEGMENTS.get(segment.marker)
        return prefix is not None and data[segment.body : segment.body + len(prefix)] == prefix
    return segment.marker != _COMMENT


def _strip_png(data: Data) -> Parts:
    kept, exif = [], b""
    for kind, start, end in png.chunks_of(data):
        if kind == b"eXIf":
            exif = encode_orientation(
                read_orientation(data[start + 8 : min(end - 4, start + _MOST_EXIF_BYTES)])
            )
        # A capital first letter: a picture cannot be shown without it (5.4).
        elif kind in _SHOWN_CHUNKS or not kind[0] & 0x20:
            kept.append((start, end))
    turned = struct.pack(">I4s", len(exif), b"eXIf") + exif if exif else b""
    if turned:
        turned += struct.pack(">I", zlib.crc32(turned[4:]))
    (_, after_header), *rest = kept
    return itertools.chain((data[:after_header], turned), *(slices(data, start, end) for start, end in rest))


def _strip_webp(data: Data) -> Parts:
    chunks = list(webp.chunks_of(data))
    exif = b""
    for kind, start, end in chunks:
        if kind == b"EXIF":
            exif = encode_orientation(read_orientation(webp.exif_of(data, start, end)))
    kept = [chunk for chunk in chunks if chunk[0] not in webp.METADATA]
    turned = struct.pack("<4sI", b"EXIF", len(exif)) + exif if exif else b""
    size = 4 + sum(end - start for _, start, end in kept) + len(turned)
    parts = (_webp_chunk(data, chunk, bool(turned)) for chunk in kept)
    return itertools.chain((struct.pack("<4sI4s", b"RIFF", size, b"WEBP"),), *parts, (turned,))


def _webp_chunk(data: Data, chunk: tuple[bytes, int, int], is_turned: bool) -> Parts:
    """Yield a chunk; of VP8X, with flags that say which metadata there still are (RFC 9649, 2.7)."""
    kind, start, end = chunk
    if kind != b"VP8X":
        yield from slices(data, start, end)
        return
    whole = bytearray(data[start:end])
    whole[8] &= ~(_EXIF_FLAG | _XMP_FLAG)
    whole[8] |= _EXIF_FLAG if is_turned else 0
    yield bytes(whole)


def _strip_gif(data: Data) -> Parts:
    kept = [each for each in gif.blocks_of(data) if _is_gif_shown(data, each)]
    head = data[: gif.start_of_blocks(data)]
    return itertools.chain((head,), *(each.chunks(data) for each in kept))


def _is_gif_shown(data: Data, block: gif.Block) -> bool:
    if block.kind != gif.EXTENSION or block.label not in (gif.COMMENT, gif.APPLICATION):
        return True
    # How often it plays; other programs' extensions hold what they know of the picture.
    return block.label == gif.APPLICATION and data[block.start + 3 : block.start + 14] in _LOOPS


_STRIPPERS: dict[str, Callable[[Data], Parts]] = {
    "image/jpeg": _strip_jpeg,
    "image/png": _strip_png,
    "image/webp": _strip_webp,
    "image/gif": _strip_gif,
    "image/tiff": strip_tiff,
}
