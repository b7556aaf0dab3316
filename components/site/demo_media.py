"""The files that people send in the demonstration, made here: a picture, a document and a voice note."""

import io
import math
import struct
import wave
import zlib
from dataclasses import dataclass

_WIDTH, _HEIGHT = 160, 120
_COPPER, _EDGE, _WALL = b"\xb8\x73\x33", b"\x6b\x3e\x18", b"\xd8\xdc\xe0"

_RATE_HZ = 8000
_NOTES_HZ = (392, 440, 494, 440)
_NOTE_S = 0.3

_PAGE = (
    "Certificate of assay",
    "Copper cathodes, Grade A, 25 t",
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
    """Make the files that are sent."""
    return (
        MediaFile("cathodes-shed-12.png", "image/png", _draw_picture()),
        MediaFile("assay-certificate.pdf", "application/pdf", _write_pdf(_PAGE)),
        MediaFile("voice-note.wav", "audio/wav", _record_voice()),
    )


def _draw_picture() -> bytes:
    """Draw a stack of cathodes, as a PNG (ISO/IEC 15948)."""
    rows = (b"\0" + b"".join(_colour(x, y) for x in range(_WIDTH)) for y in range(_HEIGHT))
    head = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _colour(x: int, y: int) -> bytes:
    if not (20 <= x < _WIDTH - 20 and 30 <= y < _HEIGHT - 10):
        return _WALL
    return _EDGE if y % 10 == 0 or x in (20, _WIDTH - 21) else _COPPER


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


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


def _record_voice() -> bytes:
    """Make a few notes, as a WAV file with 16 bits a sample."""
    steps = int(_RATE_HZ * _NOTE_S)
    samples = [
        round(9000 * math.sin(2 * math.pi * note * step / _RATE_HZ))
        for note in _NOTES_HZ
        for step in range(steps)
    ]
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_RATE_HZ)
        sound.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file.getvalue()
