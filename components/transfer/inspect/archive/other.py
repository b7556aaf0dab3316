"""Archives that libarchive reads: 7z, RAR, ISO 9660, CAB, ar, cpio, LHA, and whole files in zstd, lz4 ..."""

import io
from collections.abc import Iterator

import libarchive
from libarchive import ffi

from components.transfer.inspect.item import CHUNK_BYTES, DataFile, Item
from components.transfer.inspect.signature import SEARCHED_BYTES
from policy.files.facts import FileMark

KINDS: dict[str, tuple[str, str]] = {
    "application/x-7z-compressed": ("7zip", "none"),
    "application/vnd.rar": ("rar", "none"),
    "application/x-iso9660-image": ("iso9660", "none"),
    "application/vnd.ms-cab-compressed": ("cab", "none"),
    "application/x-archive": ("ar", "none"),
    "application/x-cpio": ("cpio", "none"),
    "application/x-xar": ("xar", "none"),
    "application/zstd": ("raw", "zstd"),
    "application/x-lz4": ("raw", "lz4"),
    "application/x-lzma": ("raw", "lzma"),
    "application/x-lzip": ("raw", "lzip"),
    "application/x-compress": ("raw", "compress"),
    "application/x-lha": ("lha", "none"),
    "application/x-lzh-compressed": ("lha", "none"),
}
"""libarchive's format and filter, by media type: one each, so that a file is read as what it was taken for."""
_SIGNATURES = {"rar": b"Rar!\x1a\x07", "7zip": b"7z\xbc\xaf\x27\x1c"}
_RAR5 = b"Rar!\x1a\x07\x01"
# libarchive says why it does not go on in words alone.
_PASSWORD_WORDS = ("encrypt", "passphrase", "password")


def look_into_other(item: Item, kind: str) -> None:
    """Look into an archive and all its members; raises TooMuch, libarchive.ArchiveError."""
    item.marks.add(FileMark.ARCHIVE)
    format_, filter_ = KINDS[kind]
    # Programs that unpack themselves have these two behind other bytes.
    start = max(0, item.data.find(_SIGNATURES.get(format_, b""), 0, SEARCHED_BYTES))
    if format_ == "rar" and item.data[start : start + len(_RAR5)] == _RAR5:
        format_ = "rar5"
    stream = io.BufferedReader(DataFile(item.data, start), CHUNK_BYTES)
    try:
        with libarchive.stream_reader(stream, format_, filter_, block_size=CHUNK_BYTES) as opened:
            for entry in opened:
                _look_at_entry(item, entry)
    except libarchive.ArchiveError as error:
        if any(word in str(error).lower() for word in _PASSWORD_WORDS):
            item.marks.add(FileMark.ENCRYPTED)
        raise


def _look_at_entry(item: Item, entry: libarchive.entry.ArchiveEntry) -> None:
    name = str(entry.pathname or "")
    item.note_name(name)
    if entry.isdir:
        return
    if entry.issym or entry.islnk:
        # It is unpacked under its name, too.
        item.look_at(name, ())
        return
    # What says of itself that it is neither may have bytes.
    try:
        item.look_at(name, _blocks(item, entry))
    except libarchive.ArchiveError as error:
        if any(word in str(error).lower() for word in _PASSWORD_WORDS):
            item.marks.add(FileMark.ENCRYPTED)
        item.marks.add(FileMark.UNSCANNABLE)
        # After a fatal error it does not read on.
        if error.retcode == ffi.ARCHIVE_FATAL:
            raise


def _blocks(item: Item, entry: libarchive.entry.ArchiveEntry) -> Iterator[bytes]:
    for block in entry.get_blocks(CHUNK_BYTES):
        yield bytes(block)
        item.work.budget.check_time()
