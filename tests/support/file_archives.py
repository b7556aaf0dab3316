"""Archives, made by other libraries where they can, and byte by byte where nothing writes them."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import libarchive

Members = Mapping[str, bytes]


def make_zip(members: Members, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), content, compress_type=method)
    return packed.getvalue()


def encrypt_zip(packed: bytes) -> bytes:
    """Return a ZIP all of whose members say that they are encrypted."""
    changed = bytearray(packed)
    for magic, at_flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = 0
        while (at := changed.find(magic, at)) >= 0:
            changed[at + at_flags] |= 1
            at += 4
    return bytes(changed)


def hide_member(members: Members, hidden: Members) -> bytes:
    """Return a ZIP with a member that its directory does not name, in front of the others."""
    whole, rest = make_zip({**hidden, **members}), make_zip(members)
    body = whole[: whole.index(b"PK\1\2")]
    shift = len(body) - rest.index(b"PK\1\2")
    tail = bytearray(rest[rest.index(b"PK\1\2") :])
    at = 0
    while (at := tail.find(b"PK\1\2", at)) >= 0:
        (offset,) = struct.unpack_from("<I", tail, at + 42)
        struct.pack_into("<I", tail, at + 42, offset + shift)
        at += 4
    end = tail.rfind(b"PK\5\6")
    (offset,) = struct.unpack_from("<I", tail, end + 16)
    struct.pack_into("<I", tail, end + 16, offset + shift)
    return body + bytes(tail)


def overlap_zip(copies: int = 100) -> bytes:
    """Return a ZIP of many members that all are the same bytes."""
    one = make_zip({"a": bytes(1 << 20)})
    start, end = one.index(b"PK\1\2"), one.rindex(b"PK\5\6")
    tail = bytearray(one[end:])
    struct.pack_into("<HHI", tail, 8, copies, copies, copies * (end - start))
    return one[:start] + one[start:end] * copies + bytes(tail)


def make_tar(members: Members, format_: int = tarfile.PAX_FORMAT) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=format_) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def make_gzip(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def make_bzip2(content: bytes) -> bytes:
    return bz2.compress(content)


def make_xz(content: bytes, *, preset: int | None = None) -> bytes:
    return lzma.compress(content, preset=preset)


def make_other(format_: str, members: Members, filter_: str | None = None) -> bytes:
    """Return an archive that libarchive writes: 7zip, iso9660, cpio, ar, xar, raw."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive"
        with libarchive.file_writer(str(path), format_, filter_) as archive:
            for name, content in members.items():
                archive.add_file_from_memory(name, len(content), content)
        return path.read_bytes()


def _vint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _rar_block(kind: int, fields: bytes, flags: int = 0, data: bytes = b"") -> bytes:
    sizes = _vint(len(data)) if flags & 2 else b""
    body = _vint(kind) + _vint(flags) + sizes + fields
    sized = _vint(len(body)) + body
    return struct.pack("<I", zlib.crc32(sized)) + sized + data


def make_rar(members: Members, *, encrypted: bool = False) -> bytes:
    """Return a RAR 5 archive of stored members (its technical note); encrypted, one of headers that nobody reads."""
    out = b"Rar!\x1a\x07\x01\0"
    if encrypted:
        return out + _rar_block(4, b"\0\0\x0f" + bytes(16)) + bytes(range(256))
    out += _rar_block(1, b"\0")
    for name, content in members.items():
        raw = name.encode()
        fields = _vint(4) + _vint(len(content)) + _vint(0) + struct.pack("<I", zlib.crc32(content))
        fields += _vint(0) + _vint(1) + _vint(len(raw)) + raw
        out += _rar_block(2, fields, 2, content)
    return out + _rar_block(5, b"\0")


def _sevenzip(header: bytes, packed: bytes) -> bytes:
    start = struct.pack("<QQI", len(packed), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(start)) + start + packed + header


def make_encrypted_7z(name: str) -> bytes:
    """Return a 7z archive with one member in AES (its 7zFormat.txt); the ciphertext is none, its name is readable."""
    packed = bytes(range(32))
    coder = b"\x24\x06\xf1\x07\x01\x0a\x53\x07" + bytes(8)
    raw = name.encode("utf-16-le") + b"\0\0"
    header = b"".join(
        (
            b"\1\4",
            b"\6\0\1\x09" + bytes([len(packed)]) + b"\0",
            b"\7\x0b\1\0\1" + coder + b"\x0c" + bytes([len(packed)]) + b"\0",
            b"\x08\0\0",
            b"\5\1\x11" + bytes([len(raw) + 1]) + b"\0" + raw + b"\0\0",
        )
    )
    return _sevenzip(header, packed)
