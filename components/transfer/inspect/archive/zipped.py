"""ZIP (PKWARE APPNOTE 6.3.10) and what is made of it: Office documents, books, programs for Java and Android."""

import io
import itertools
import struct
import zipfile

from components.transfer.inspect.document.office import look_into_parts, office_type
from components.transfer.inspect.item import Data, DataFile, Item, read_stream
from components.transfer.inspect.limits import TooMuch, Unreadable
from components.transfer.inspect.signature import ZIP
from policy.files.facts import FileMark

_LOCAL, _EOCD = b"PK\3\4", b"PK\5\6"
_EOCD_BYTES, _MOST_COMMENT_BYTES = 22, 0xFFFF
_LOCAL_BYTES = 30
_MOST_DIRECTORY_BYTES = 32 << 20
_ENCRYPTED = 0x1 | 0x40 | 0x2000
"""General purpose flags (4.4.4): encrypted, strongly so, and a directory whose values are masked."""
_AES = 99
_DESCRIPTOR_BYTES = 24
"""What may lie behind a member (4.3.9), with its signature and 64 bits for each size."""


def look_into_zip(item: Item) -> None:
    """Look into a ZIP and all its members; raises TooMuch, Unreadable, and what zipfile raises."""
    _check_ends(item)
    with zipfile.ZipFile(io.BufferedReader(DataFile(item.data))) as opened:
        entries = opened.infolist()
        _check_layout(item, opened, entries)
        names = [entry.filename for entry in entries]
        media_type = _media_type(opened, names)
        item.refine(ZIP, media_type)
        if any(entry.flag_bits & _ENCRYPTED or entry.compress_type == _AES for entry in entries):
            item.marks.add(FileMark.ENCRYPTED)
        if office_type(media_type):
            look_into_parts(item, opened)
            return
        item.marks.add(FileMark.ARCHIVE)
        for entry in entries:
            item.note_name(entry.filename)
        for entry in entries:
            look_at_entry(item, opened, entry)


def look_at_entry(item: Item, opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Look into one member; one that cannot be unpacked marks the archive. Raises TooMuch."""
    if entry.is_dir():
        return
    if entry.flag_bits & _ENCRYPTED:
        item.marks.update((FileMark.ENCRYPTED, FileMark.UNSCANNABLE))
        # Its name is told in clear.
        item.look_at(entry.filename, ())
        return
    try:
        with opened.open(entry) as stream:
            item.look_at(entry.filename, read_stream(stream))
    except TooMuch:
        raise
    except Exception:
        item.marks.add(FileMark.UNSCANNABLE)


def _check_ends(item: Item) -> None:
    """Mark bytes behind the archive; raises Unreadable, TooMuch."""
    data = item.data
    start = max(0, len(data) - _EOCD_BYTES - _MOST_COMMENT_BYTES)
    tail = data[start:]
    at = tail.rfind(_EOCD)
    if at < 0 or at + _EOCD_BYTES > len(tail):
        raise Unreadable
    count, size, comment = struct.unpack_from("<HI4xH", tail, at + 10)
    if tail[at + _EOCD_BYTES + comment :].strip(b"\0"):
        item.marks.add(FileMark.TRAILING_BYTES)
    # Read as a whole by zipfile. 0xFFFFFFFF says that the size lies elsewhere: then memory is the limit.
    budget = item.work.budget
    if (size != 0xFFFFFFFF and size > _MOST_DIRECTORY_BYTES) or (
        count != 0xFFFF and count > budget.limits.members
    ):
        raise TooMuch(frozenset({FileMark.BOMB, FileMark.UNSCANNABLE}))


def _check_layout(item: Item, opened: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> None:
    """Mark members that share their bytes (a bomb), and members that the directory does not name.

    Readers that go by the directory and those that read from the front would see two different archives.
    """
    data = item.data
    places = [(0, 0), *sorted((entry.header_offset, _end_of(data, entry)) for entry in entries)]
    for (_, end), (start, _) in itertools.pairwise(places):
        if start < end:
            item.marks.update((FileMark.BOMB, FileMark.UNSCANNABLE))
        elif _hides_member(data, end, start):
            item.marks.add(FileMark.POLYGLOT)
    if _hides_member(data, places[-1][1], opened.start_dir):
        item.marks.add(FileMark.POLYGLOT)


def _end_of(data: Data, entry: zipfile.ZipInfo) -> int:
    """Return where a member's bytes end; raises Unreadable if it has none, struct.error."""
    at = entry.header_offset
    if data[at : at + 4] != _LOCAL:
        raise Unreadable
    name, extra = struct.unpack_from("<HH", data, at + 26)
    return at + _LOCAL_BYTES + int(name) + int(extra) + entry.compress_size


def _hides_member(data: Data, start: int, end: int) -> bool:
    return end - start > _DESCRIPTOR_BYTES and data.find(_LOCAL, start, end) >= 0


def _media_type(opened: zipfile.ZipFile, names: list[str]) -> str:
    """Return what a ZIP is by its members."""
    lower = {name.lower() for name in names}
    if "[content_types].xml" in lower:
        return _office_by_folders(lower, _read_start(opened, "[Content_Types].xml"))
    first = names[0] if names else ""
    if first == "mimetype" and (
        said := _read_start(opened, first).decode("ascii", "replace").strip().lower()
    ):
        return said if "/" in said and len(said) < 100 else "application/zip"
    if "androidmanifest.xml" in lower:
        return "application/vnd.android.package-archive"
    if "meta-inf/manifest.mf" in lower and any(name.endswith((".class", ".jar")) for name in lower):
        return "application/java-archive"
    return "application/zip"


def _office_by_folders(names: set[str], types: bytes) -> str:
    types = types.lower()
    has_macros = b"macroenabled" in types
    for folder, plain, with_macros in (
        ("word/", "wordprocessingml.document", "vnd.ms-word.document.macroenabled.12"),
        ("xl/", "spreadsheetml.sheet", "vnd.ms-excel.sheet.macroenabled.12"),
        ("ppt/", "presentationml.presentation", "vnd.ms-powerpoint.presentation.macroenabled.12"),
    ):
        if any(name.startswith(folder) for name in names):
            # Excel's binary sheets say so in their own way, and hold macros as well as not.
            return (
                f"application/{with_macros if has_macros else 'vnd.openxmlformats-officedocument.' + plain}"
            )
    return "application/zip"


def _read_start(opened: zipfile.ZipFile, name: str) -> bytes:
    entry = next((each for each in opened.infolist() if each.filename.lower() == name.lower()), None)
    if entry is None or entry.flag_bits & _ENCRYPTED:
        return b""
    with opened.open(entry) as stream:
        return stream.read(1 << 18)
