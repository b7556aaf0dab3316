"""One file, compressed: gzip (RFC 1952), bzip2 and xz."""

import bz2
import lzma
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Protocol

from components.transfer.inspect.item import CHUNK_BYTES, Item
from components.transfer.inspect.limits import Unreadable
from components.transfer.inspect.signature import BZIP2, GZIP, XZ
from policy.files.facts import FileMark

_MAGIC = {GZIP: b"\x1f\x8b", BZIP2: b"BZh", XZ: b"\xfd7zXZ\0"}
_ENDINGS = {".tgz": ".tar", ".tbz": ".tar", ".tbz2": ".tar", ".txz": ".tar", ".gz": "", ".bz2": "", ".xz": ""}
_MOST_MEMORY_BYTES = 128 << 20
_WITH_EXTRA, _NAMED = 0x04, 0x08


class _Unpacker(Protocol):
    """What unpacks one stream, a bounded piece at a time."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    def feed(self, packed: bytes) -> bytes:
        """Return what comes next, at most a chunk."""

    def rest(self) -> bytes:
        """Return what follows behind the stream, of what was fed."""


class _Gzip:
    def __init__(self) -> None:
        self._unpacker = zlib.decompressobj(wbits=31)
        self._left = b""

    @property
    def eof(self) -> bool:
        return self._unpacker.eof

    def feed(self, packed: bytes) -> bytes:
        unpacked = self._unpacker.decompress(self._left + packed, CHUNK_BYTES)
        self._left = self._unpacker.unconsumed_tail
        return unpacked

    def rest(self) -> bytes:
        return self._unpacker.unused_data


class _Other:
    def __init__(self, unpacker: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._unpacker = unpacker

    @property
    def eof(self) -> bool:
        return self._unpacker.eof

    def feed(self, packed: bytes) -> bytes:
        return self._unpacker.decompress(packed, CHUNK_BYTES)

    def rest(self) -> bytes:
        return self._unpacker.unused_data


def look_into_compressed(item: Item, kind: str) -> None:
    """Look into what a file unpacks to; raises TooMuch, Unreadable, zlib.error, lzma.LZMAError, OSError."""
    item.marks.add(FileMark.ARCHIVE)
    name = PurePosixPath(item.name)
    inner = (
        name.stem + _ENDINGS.get(name.suffix.lower(), "") if name.suffix.lower() in _ENDINGS else name.name
    )
    item.note_name(inner)
    if kind == GZIP and (stored := _stored_name(item.data[:CHUNK_BYTES])):
        # Some programs unpack it under this name, whatever the file is called.
        item.note_name(stored)
        item.look_at(stored, ())
    item.look_at(inner, _unpack(item, kind))


def _stored_name(head: bytes) -> str:
    """Return the name that a gzip file says its content had (RFC 1952, 2.3.1), or nothing."""
    flags = head[3] if len(head) > 10 else 0
    if not flags & _NAMED:
        return ""
    start = 10 + (2 + int.from_bytes(head[10:12], "little") if flags & _WITH_EXTRA else 0)
    return head[start:].partition(b"\0")[0].decode("latin-1")


def _unpack(item: Item, kind: str) -> Iterator[bytes]:
    """Yield what all streams of a file unpack to, one after another; marks what follows the last one."""
    at, data = 0, item.data
    while data[at : at + len(_MAGIC[kind])] == _MAGIC[kind]:
        unpacker = _unpacker_of(kind)
        while not unpacker.eof:
            packed = data[at : at + CHUNK_BYTES]
            at += len(packed)
            yield from _drain(unpacker, packed)
            if not packed and not unpacker.eof:
                raise Unreadable
        at -= len(unpacker.rest())
    if any(data[start : start + CHUNK_BYTES].strip(b"\0") for start in range(at, len(data), CHUNK_BYTES)):
        item.marks.add(FileMark.TRAILING_BYTES)


def _drain(unpacker: _Unpacker, packed: bytes) -> Iterator[bytes]:
    """Yield all that these bytes unpack to."""
    while unpacked := unpacker.feed(packed):
        yield unpacked
        packed = b""
        if unpacker.eof:
            break


def _unpacker_of(kind: str) -> _Unpacker:
    if kind == GZIP:
        return _Gzip()
    if kind == BZIP2:
        return _Other(bz2.BZ2Decompressor())
    return _Other(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_MEMORY_BYTES))
