"""GIF (GIF89a specification, CompuServe 1990)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from components.transfer.inspect.item import Data, Piece
from components.transfer.inspect.limits import Unreadable
from components.transfer.inspect.picture.facts import Picture, at_most, xmp_has_location

EXTENSION, IMAGE, TRAILER = 0x21, 0x2C, 0x3B
COMMENT, APPLICATION = 0xFE, 0xFF
_MOST_METADATA_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Block(Piece):
    """A block: what it is, and the label of an extension."""

    kind: int
    label: int


def start_of_blocks(data: Data) -> int:
    """Return the place behind the header and its table of colours."""
    return 13 + _table_bytes(data[10])


def _table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def blocks_of(data: Data) -> Iterator[Block]:
    """Yield all blocks up to the trailer, which is the last; raises Unreadable, IndexError if it does not come."""
    return at_most(_walk(data))


def _walk(data: Data) -> Iterator[Block]:
    at = start_of_blocks(data)
    while True:
        start, kind = at, data[at]
        if kind == TRAILER:
            yield Block(start, at + 1, kind, 0)
            return
        if kind == EXTENSION:
            label, at = data[at + 1], _end_of_sub_blocks(data, at + 2)
        elif kind == IMAGE:
            label, at = 0, _end_of_sub_blocks(data, at + 11 + _table_bytes(data[at + 9]))
        else:
            raise Unreadable
        yield Block(start, at, kind, label)


def _end_of_sub_blocks(data: Data, at: int) -> int:
    while size := data[at]:
        at += 1 + size
    return at + 1


def read_gif(data: Data) -> Picture:
    """Return what a GIF's blocks tell, the size of its largest frame; raises Unreadable, IndexError, struct.error."""
    width, height = struct.unpack_from("<HH", data, 6)
    has_location, end = False, 0
    for block in blocks_of(data):
        end = block.end
        if block.kind == IMAGE:
            left, top, wide, high = struct.unpack_from("<HHHH", data, block.start + 1)
            width, height = max(width, left + wide), max(height, top + high)
        elif block.label == APPLICATION:
            has_location |= xmp_has_location(block.read(data, _MOST_METADATA_BYTES))
    return Picture(width, height, end, has_location)
