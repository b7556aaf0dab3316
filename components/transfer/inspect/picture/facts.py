"""What the structure of a picture tells."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from components.transfer.inspect.limits import Unreadable

_XMP_LOCATION = re.compile(
    rb"exif:GPS(?:Latitude|Longitude)|<(?:photoshop:City|Iptc4xmpCore:Location)\b", re.IGNORECASE
)
_MOST_PARTS = 100_000
"""No picture has as many segments, chunks or blocks; a walk over more would only take time and memory."""

_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's size in pixels, the place behind its last byte (None if the format has no end), and whether it says
    where it was taken.
    """

    width: int
    height: int
    end: int | None
    has_location: bool = False


def xmp_has_location(packet: bytes) -> bool:
    """Return whether XMP metadata name a place (XMP specification part 2, 2.4: the namespace exif)."""
    return _XMP_LOCATION.search(packet) is not None


def at_most(parts: Iterator[_Part]) -> Iterator[_Part]:
    """Yield the parts of a picture, as many as it may have; raises Unreadable for more."""
    for count, part in enumerate(parts):
        if count == _MOST_PARTS:
            raise Unreadable
        yield part
