"""What the structure of a picture tells."""

import re
from dataclasses import dataclass

_XMP_LOCATION = re.compile(
    rb"exif:GPS(?:Latitude|Longitude)|<(?:photoshop:City|Iptc4xmpCore:Location)\b", re.IGNORECASE
)


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
