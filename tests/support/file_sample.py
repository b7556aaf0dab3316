"""One file of the corpus, and what several of them are made of."""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from policy.files.facts import FileMark
from tests.support import file_archives as archives
from tests.support import file_documents as documents
from tests.support import file_pictures as pictures

EXECUTABLE, DISGUISED, POLYGLOT = FileMark.EXECUTABLE, FileMark.DISGUISED, FileMark.POLYGLOT
TRAILING, ENCRYPTED, MACROS = FileMark.TRAILING_BYTES, FileMark.ENCRYPTED, FileMark.MACROS
ARCHIVE, BOMB, UNSCANNABLE, LOCATION = (
    FileMark.ARCHIVE,
    FileMark.BOMB,
    FileMark.UNSCANNABLE,
    FileMark.LOCATION,
)

PE = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0\x64\x86" + bytes(128)
ELF = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHI", 2, 62, 1) + bytes(100)
MACH_O = b"\xcf\xfa\xed\xfe" + struct.pack("<III", 0x01000007, 3, 2) + bytes(100)
LNK = b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F" + bytes(100)
DESKTOP = b"[Desktop Entry]\nType=Application\nExec=/bin/sh\nName=Invoice\n"
CLASS = b"\xca\xfe\xba\xbe\0\0\x003" + bytes(100)
SCRIPT = b"#!/bin/sh\nrm -rf /\n"
VBA = documents.make_ole({("VBA", "dir"): b"x", ("VBA", "ThisDocument"): b"x", ("PROJECT",): b"x"})
WORD = documents.make_ole({("WordDocument",): documents.word_stream(), ("1Table",): b"x"})
GPS = b"Exif\0\0" + pictures.make_exif(gps=True, camera=b"Phone")
NO_GPS = b"Exif\0\0" + pictures.make_exif(orientation=6, camera=b"Phone")
XMP_PLACE = b'<x:xmpmeta><rdf:Description exif:GPSLatitude="51,30N"/></x:xmpmeta>'
PAGE = b"<html><body><script>location='https://evil.example'</script></body></html>"
NOISE = random.Random(13).randbytes(1024)
TEXT = "Ladung: 20 t Kupfer, 화물 도착, 货物已到\n".encode()
ZIPPED = archives.make_zip({"notes.txt": TEXT})
PDF = documents.make_pdf()


@dataclass(frozen=True)
class Sample:
    """A file: what it is called, its bytes, the marks and the media type that it has to get, and its size in pixels."""

    name: str
    make: Callable[[], bytes]
    marks: frozenset[FileMark]
    found_type: str
    claimed_type: str = ""
    size: tuple[int, int] = (0, 0)

    @property
    def takes_long(self) -> bool:
        """Whether it takes long to pack: a bomb that is not a picture which only says that it is huge."""
        return FileMark.BOMB in self.marks and not self.found_type.startswith("image/")

    @cached_property
    def content(self) -> bytes:
        """Its bytes: made when a test needs them, because a bomb takes long to pack."""
        return self.make()


def sample(
    name: str,
    content: bytes | Callable[[], bytes],
    found: str,
    *marks: FileMark,
    claimed: str = "",
    **more: int,
) -> Sample:
    size = (
        (more.get("wide", 3), more.get("high", 2))
        if found.startswith("image/") and "svg" not in found
        else (0, 0)
    )
    make = content if callable(content) else lambda: content
    return Sample(name, make, frozenset(marks), found, claimed, size)
