"""BMP, TIFF, and pictures in ISO base media files (HEIC, AVIF)."""

import re
import struct

from components.transfer.inspect.item import CHUNK_BYTES, Data
from components.transfer.inspect.limits import Unreadable
from components.transfer.inspect.picture.exif import HEIGHT, WIDTH, XMP, Tiff, exif_has_location
from components.transfer.inspect.picture.facts import Picture, xmp_has_location

_EXIF_ITEM = re.compile(rb"Exif\0\0(?=II\*\0|MM\0\*)")
_MOST_METADATA_BYTES = 1 << 20
_MOST_ITEMS = 16


def read_bmp(data: Data) -> Picture:
    """Return what a BMP's header tells; raises Unreadable, struct.error."""
    size, _, _, head = struct.unpack_from("<IIII", data, 2)
    if head == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = (abs(each) for each in struct.unpack_from("<ii", data, 18))
    if size > len(data):
        raise Unreadable
    # Some writers leave the size out.
    return Picture(width, height, size or None)


def read_tiff(data: Data) -> Picture:
    """Return what a TIFF's directories tell, and the size of the largest picture; raises Unreadable, struct.error."""
    tiff = Tiff(data)
    size, has_location = (0, 0), tiff.has_location()
    for entries in tiff.directories():
        values = {each.tag: tiff.value(each) for each in entries if each.tag in (WIDTH, HEIGHT)}
        here = values.get(WIDTH, 0), values.get(HEIGHT, 0)
        size = max(size, here, key=lambda each: each[0] * each[1])
        for each in entries:
            if each.tag == XMP and each.values <= _MOST_METADATA_BYTES:
                has_location |= xmp_has_location(tiff.bytes_of(each))
    if size == (0, 0):
        raise Unreadable
    # Its parts lie anywhere, so nothing says where it ends.
    return Picture(*size, None, has_location)


def read_heif(data: Data) -> Picture:
    """Return what a HEIC or AVIF picture tells: its largest item (ISO 23008-12, 6.5.3); raises Unreadable."""
    size, at = (0, 0), 0
    head = data[:_MOST_METADATA_BYTES]
    while (at := head.find(b"ispe", at)) >= 0:
        if len(head) >= at + 16:
            here: tuple[int, int] = struct.unpack_from(">II", head, at + 8)
            size = max(size, here, key=lambda each: each[0] * each[1])
        at += 4
    if size == (0, 0):
        raise Unreadable
    return Picture(*size, None, _item_has_location(data))


def _item_has_location(data: Data) -> bool:
    """Return whether an item with metadata says where. They lie among the coded pictures, so they are searched for."""
    for count, each in enumerate(_EXIF_ITEM.finditer(data)):
        if count == _MOST_ITEMS:
            raise Unreadable
        if exif_has_location(data[each.end() : each.end() + CHUNK_BYTES]):
            return True
    return xmp_has_location(data[:_MOST_METADATA_BYTES])
