"""Compound files ([MS-CFB]): old Office documents, mails of Outlook, installers, and encrypted new documents."""

import io
import struct
from collections.abc import Iterator

import olefile

from components.transfer.inspect.item import DataFile, Item, read_stream
from components.transfer.inspect.limits import TooMuch
from components.transfer.inspect.signature import OLE
from policy.files.facts import FileMark

_INSTALLERS = frozenset(
    {
        "000C1084-0000-0000-C000-000000000046",  # a package
        "000C1086-0000-0000-C000-000000000046",  # a patch
        "000C1082-0000-0000-C000-000000000046",  # a transform
    }
)
_BY_STREAM = (
    ("worddocument", "application/msword"),
    ("workbook", "application/vnd.ms-excel"),
    ("book", "application/vnd.ms-excel"),
    ("powerpoint document", "application/vnd.ms-powerpoint"),
    ("__properties_version1.0", "application/vnd.ms-outlook"),
)
_MACRO_STORAGES = frozenset({"vba", "_vba_project_cur", "_vba_project", "macros"})
_ATTACHMENT = "__substg1.0_37010102"
"""The content of a file that is attached to a mail ([MS-OXMSG] 2.2.2)."""
_NATIVE, _PACKAGES = "\x01ole10native", frozenset({"package", "contents", "embeddedodf"})
_SOURCE_BYTES = 8 << 20
_WORD_ENCRYPTED = 0x0100
_POWERPOINT_ENCRYPTED = 0xF3D1C4DF
_BIFF_PASSWORD, _BIFF_SHEET = 0x2F, 0x85
_MACRO_SHEETS = frozenset({1, 6})


def look_into_ole(item: Item) -> None:
    """Look for passwords, macros and files inside a compound file; raises TooMuch, OSError, struct.error."""
    with olefile.OleFileIO(io.BufferedReader(DataFile(item.data))) as opened:
        paths = [tuple(path) for path in opened.listdir(streams=True, storages=True)]
        item.work.budget.take_members(len(paths))
        item.refine(OLE, _media_type(opened, paths))
        last = {path[-1].lower() for path in paths}
        if last & _MACRO_STORAGES:
            item.marks.add(FileMark.MACROS)
        if "encryptedpackage" in last or "encryptioninfo" in last or ("dataspaces" in last and "drm" in last):
            item.marks.update((FileMark.ENCRYPTED, FileMark.UNSCANNABLE))
        for path in paths:
            item.work.budget.check_time()
            if opened.get_type("/".join(path)) == olefile.STGTY_STREAM:
                _look_at_stream(item, opened, path)


def _media_type(opened: olefile.OleFileIO, paths: list[tuple[str, ...]]) -> str:
    if (opened.root.clsid or "").upper() in _INSTALLERS:
        return "application/x-msi"
    top = {path[0].lower() for path in paths}
    for name, media_type in _BY_STREAM:
        if any(each.startswith(name) for each in top):
            return media_type
    return OLE


def _look_at_stream(item: Item, opened: olefile.OleFileIO, path: tuple[str, ...]) -> None:
    name = path[-1].lower()
    if name in ("worddocument", "workbook", "book", "current user"):
        with opened.openstream(list(path)) as stream:
            item.marks |= read_main_stream(name, stream.read(_SOURCE_BYTES))
    elif name in (_NATIVE, _ATTACHMENT) or name in _PACKAGES:
        with opened.openstream(list(path)) as stream:
            inner, chunks = (
                _unwrap(stream.read(_SOURCE_BYTES)) if name == _NATIVE else ("", read_stream(stream))
            )
            item.marks.add(FileMark.ARCHIVE)
            _look_at_inner(item, inner, chunks)


def _look_at_inner(item: Item, name: str, chunks: Iterator[bytes]) -> None:
    try:
        item.look_at(name, chunks)
    except TooMuch:
        raise
    except OSError:
        item.marks.add(FileMark.UNSCANNABLE)


def _unwrap(native: bytes) -> tuple[str, Iterator[bytes]]:
    """Return name and content of a packaged file: size, flags, label, path, reserved, temporary path, size, content."""
    label, _, rest = native[6:].partition(b"\0")
    rest = rest.partition(b"\0")[2]
    length = int.from_bytes(rest[4:8], "little")
    content = rest[8 + length + 4 :] if length < len(rest) else rest
    return label.decode("latin-1"), iter((content or native,))


def read_main_stream(name: str, stream: bytes) -> set[FileMark]:
    """Return what a document's main stream says of passwords and of macro sheets; `name` is in small letters."""
    if name == "worddocument":
        # [MS-DOC] 2.5.2: fEncrypted of FibBase.
        return _locked(int(struct.unpack_from("<H", stream, 10)[0]) & _WORD_ENCRYPTED != 0)
    if name == "current user":
        # [MS-PPT] 2.3.2: headerToken.
        return _locked(int(struct.unpack_from("<I", stream, 12)[0]) == _POWERPOINT_ENCRYPTED)
    marks = set[FileMark]()
    for kind, body in _records_of(stream):
        if kind == _BIFF_PASSWORD:
            return marks | _locked(True)
        # [MS-XLS] 2.4.28: dt of BoundSheet8.
        if kind == _BIFF_SHEET and len(body) > 5 and body[5] in _MACRO_SHEETS:
            marks.add(FileMark.MACROS)
    return marks


def _locked(is_encrypted: bool) -> set[FileMark]:
    return {FileMark.ENCRYPTED, FileMark.UNSCANNABLE} if is_encrypted else set()


def _records_of(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the records of a workbook's globals ([MS-XLS] 2.1.4), up to their end."""
    at = 0
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        yield kind, stream[at + 4 : at + 4 + size]
        if kind == 0x0A:
            return
        at += 4 + size
