"""Documents with and without passwords, macros and files inside them, made byte by byte."""

import itertools
import struct
import uuid
import zlib
from collections.abc import Mapping
from email.message import EmailMessage

from tests.support.file_archives import make_zip

Streams = Mapping[tuple[str, ...], bytes]
_SECTOR, _END, _FAT, _FREE = 512, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF


def make_pdf(*objects: bytes, trailer: bytes = b"", catalog: bytes = b"") -> bytes:
    """Return a PDF with further objects, from number 4 on."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places = []
    basic = (
        b"<< /Type /Catalog /Pages 2 0 R " + catalog + b" >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>",
    )
    for number, body in enumerate((*basic, *objects), 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(places) + 1,
        trailer,
        start,
    )
    return bytes(out)


def pdf_stream(dictionary: bytes, content: bytes, *, packed: bool = True) -> bytes:
    body = zlib.compress(content) if packed else content
    filter_ = b"/Filter /FlateDecode " if packed else b""
    return b"<< %s %s/Length %d >>\nstream\n%s\nendstream" % (dictionary, filter_, len(body), body)


def make_ole(streams: Streams, clsid: str = "00000000-0000-0000-0000-000000000000") -> bytes:
    """Return a compound file ([MS-CFB], version 3). Each stream is filled up to the size that needs no mini stream."""
    entries: list[tuple[str, int, int, int, list[int]]] = [("Root Entry", 5, _END, 0, [])]
    storages: dict[tuple[str, ...], int] = {(): 0}
    fat: list[int] = []
    body = bytearray()

    def add(data: bytes, mark: int | None = None) -> int:
        first, count = len(fat), -(-len(data) // _SECTOR)
        fat.extend(mark if mark is not None else first + each + 1 for each in range(count))
        if mark is None:
            fat[-1] = _END
        body.extend(data.ljust(count * _SECTOR, b"\0"))
        return first

    for path, content in streams.items():
        for depth in range(1, len(path)):
            if path[:depth] not in storages:
                storages[path[:depth]] = len(entries)
                entries[storages[path[: depth - 1]]][4].append(len(entries))
                entries.append((path[depth - 1], 1, 0, 0, []))
        filled = content.ljust(4096, b"\0")
        entries[storages[path[:-1]]][4].append(len(entries))
        entries.append((path[-1], 2, add(filled), len(filled), []))
    directory = add(_directory(entries, uuid.UUID(clsid)))
    count = 1
    while (len(fat) + count) * 4 > count * _SECTOR:
        count += 1
    first_fat = len(fat)
    fat.extend([_FAT] * count)
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(count * _SECTOR, b"\xff")
    difat = [*range(first_fat, first_fat + count)] + [_FREE] * (109 - count)
    head = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(16)
        + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
        + bytes(6)
    )
    head += struct.pack("<IIIIIIIII", 0, count, directory, 0, 4096, _END, 0, _END, 0) + struct.pack(
        "<109I", *difat
    )
    return head + bytes(body) + table


def _directory(entries: list[tuple[str, int, int, int, list[int]]], clsid: uuid.UUID) -> bytes:
    sibling: dict[int, int] = {}
    for *_, children in entries:
        sibling.update(itertools.pairwise(children))
    out = b""
    for number, (name, kind, start, size, children) in enumerate(entries):
        raw = name.encode("utf-16-le") + b"\0\0"
        child = children[0] if children else _FREE
        links = struct.pack("<III", _FREE, sibling.get(number, _FREE), child)
        own = clsid.bytes_le if number == 0 else bytes(16)
        out += raw.ljust(64, b"\0") + struct.pack("<HBB", len(raw), kind, 1) + links + own + bytes(20)
        out += struct.pack("<IQ", start, size)
    while len(out) % _SECTOR:
        out += bytes(64) + struct.pack("<HBB", 0, 0, 0) + struct.pack("<III", _FREE, _FREE, _FREE) + bytes(48)
    return out


def word_stream(*, encrypted: bool = False) -> bytes:
    return struct.pack("<HHHHHH", 0xA5EC, 0x00C1, 0, 0x409, 0, 0x0100 if encrypted else 0).ljust(64, b"\0")


def workbook_stream(*records: tuple[int, bytes]) -> bytes:
    everything = ((0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0)), *records, (0x0A, b""))
    return b"".join(struct.pack("<HH", kind, len(body)) + body for kind, body in everything)


def native_stream(name: bytes, content: bytes) -> bytes:
    inner = struct.pack("<H", 2) + name + b"\0" + name + b"\0" + bytes(4)
    inner += struct.pack("<I", 2) + b"x\0" + struct.pack("<I", len(content)) + content
    return struct.pack("<I", len(inner)) + inner


_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"


def make_docx(more: Mapping[str, bytes] | None = None, types: str = _WORD, folder: str = "word") -> bytes:
    content_types = (
        f'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        f'<Override PartName="/{folder}/document.xml" ContentType="{types}"/></Types>'
    )
    return make_zip(
        {
            "[Content_Types].xml": content_types.encode(),
            "_rels/.rels": b"<Relationships/>",
            f"{folder}/document.xml": b"<document>cargo</document>",
            **(more or {}),
        }
    )


def make_odt(more: Mapping[str, bytes] | None = None, manifest: bytes = b"<manifest/>") -> bytes:
    return make_zip(
        {
            "mimetype": b"application/vnd.oasis.opendocument.text",
            "content.xml": b"<document-content/>",
            "META-INF/manifest.xml": manifest,
            **(more or {}),
        },
        method=0,
    )


def make_mail(*attached: tuple[str, bytes]) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@metals.example", "b@metals.example", "Cargo"
    mail["Message-ID"] = "<1@metals.example>"
    mail.set_content("see the file")
    for name, content in attached:
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return mail.as_bytes()
