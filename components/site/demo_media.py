"""The files that people send in the demonstration: a picture and a document, made here, and a voice note."""

import io
import struct
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_SIZE = (480, 320)
_WALL, _COPPER, _EDGE, _LABEL = "#d8dce0", "#b87333", "#6b3e18", "#ffffff"

_LABEL_TEXT = ("NORDSEE LOT 88", "GRADE A, 25 T")

# Spoken by espeak-ng: "Please confirm the delivery before noon on Friday."
_VOICE_NOTE = Path(__file__).with_name("demo_voice_note.ogg")

_PAGE = (
    "Certificate of assay",
    "Cathodes, Grade A, 25 t",
    "Cu 99.9935 percent, per LME brand specification",
    "Warehouse: Hamburg, Shed 12",
)


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file, with the name and the media type that its sender says."""

    name: str
    media_type: str
    content: bytes


def make_media() -> tuple[MediaFile, ...]:
    """Return the files that are sent."""
    return (
        MediaFile("cathodes-shed-12.png", "image/png", _draw_picture()),
        MediaFile("assay-certificate.pdf", "application/pdf", _write_pdf(_PAGE)),
        MediaFile("voice-note.ogg", "audio/ogg", _VOICE_NOTE.read_bytes()),
    )


def make_program() -> MediaFile:
    """Make a program for Windows that is named as a document: what a program begins with, and nothing that would run.

    (PE format, "MS-DOS Stub" and "Signature".)
    """
    stub = b"MZ".ljust(60, b"\0") + struct.pack("<I", 128) + b"This program cannot be run in DOS mode.\r\n$"
    # For x86-64, without sections, executable, with an optional header of 240 bytes.
    head = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 0, 0, 0, 0, 240, 0x22)
    return MediaFile(
        "price-list.pdf", "application/pdf", stub.ljust(128, b"\0") + head + b"\x0b\x02".ljust(240, b"\0")
    )


def _draw_picture() -> bytes:
    """Draw a stack of cathodes with a label."""
    picture = Image.new("RGB", _SIZE, _WALL)
    pen = ImageDraw.Draw(picture)
    for top in range(150, 310, 16):
        pen.rectangle((60, top, 420, top + 14), _COPPER, _EDGE)
    pen.rectangle((60, 20, 420, 130), _LABEL, _EDGE)
    font = ImageFont.load_default(36)
    for line, text in enumerate(_LABEL_TEXT):
        pen.text((80, 28 + 48 * line), text, "black", font)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _write_pdf(lines: tuple[str, ...]) -> bytes:
    """Write a page of plain text, as a PDF (ISO 32000-1, 7.5)."""
    shown = "".join(f"({line}) Tj T* " for line in lines)
    text = f"BT /F1 18 Tf 28 TL 60 760 Td {shown}ET".encode()
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    written, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    end = b"xref\n0 %d\n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return written + end % (count, table, count, len(written))
