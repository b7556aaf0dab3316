"""Where videos of phones say that they were taken (ISO 14496-12; Apple QuickTime metadata)."""

import struct

from components.transfer.inspect.item import Data

_PLACES = (b"\xa9xyz", b"com.apple.quicktime.location", b"loci")
_MOST_BOXES = 1000


def has_place(data: Data) -> bool:
    """Return whether the film's description (`moov`) names a place; raises struct.error."""
    at = 0
    for _ in range(_MOST_BOXES):
        if at + 8 > len(data):
            return False
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1:
            size = int(struct.unpack_from(">Q", data, at + 8)[0])
        end = len(data) if size == 0 else at + size
        if kind == b"moov":
            return any(data.find(place, at, end) >= 0 for place in _PLACES)
        if size and size < 8:
            return False
        at = end
    return False
