"""Office documents made of parts in a ZIP: Office Open XML (ECMA-376) and OpenDocument 1.3."""

import re
import zipfile

from components.transfer.inspect.item import Item, read_stream
from components.transfer.inspect.limits import TooMuch
from policy.files.facts import FileMark

_FAMILIES = (
    "application/vnd.openxmlformats-officedocument.",
    "application/vnd.ms-word.",
    "application/vnd.ms-excel.",
    "application/vnd.ms-powerpoint.",
    "application/vnd.oasis.opendocument.",
    "application/epub+zip",
)
_SOURCE_BYTES = 4 << 20
"""How much is read of a part that is XML, for what it says; all of it is unpacked and looked into besides."""
_ENCRYPTED_FLAG = 0x1
# A part may have any name; what it is stands in the list of content types.
_MACRO_TYPES = re.compile(
    rb"vnd\.ms-office\.vbaproject|vnd\.ms-excel\.(?:intl)?macrosheet|activex\+xml", re.IGNORECASE
)
_OUTSIDE = re.compile(rb"<[^<>]{0,4096}\bTargetMode\s*=\s*[\"']External[\"'][^<>]{0,4096}>", re.IGNORECASE)
# A template, a frame or an object that is fetched, or run, when the document is opened.
_FETCHED = re.compile(
    rb"/(?:attachedTemplate|oleObject|frame|externalLinkPath/dde|subDocument)[\"']", re.IGNORECASE
)
_DDE = re.compile(rb"\bDDE(?:AUTO)?\b[^<]{0,20}|<ddeLink\b")
_ODF_SCRIPTS = re.compile(r"^(?:basic|scripts)/.*\.(?:xml|xlb|xba|py|js|bsh|java|class|jar)$", re.IGNORECASE)
_ODF_LIBRARY_LISTS = frozenset({"basic/script-lc.xml", "basic/dialog-lc.xml"})


def office_type(media_type: str) -> bool:
    """Return whether this is a document of parts."""
    return media_type.startswith(_FAMILIES)


def look_into_parts(item: Item, opened: zipfile.ZipFile) -> None:
    """Look into all parts of a document; raises TooMuch."""
    for entry in opened.infolist():
        item.work.budget.take_members()
        if entry.is_dir():
            continue
        if entry.flag_bits & _ENCRYPTED_FLAG:
            item.marks.add(FileMark.UNSCANNABLE)
            continue
        try:
            _look_at_part(item, opened, entry)
        except TooMuch:
            raise
        except Exception:
            item.marks.add(FileMark.UNSCANNABLE)


def _look_at_part(item: Item, opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    name = entry.filename.lower()
    if (_ODF_SCRIPTS.match(name) and name not in _ODF_LIBRARY_LISTS) or name.endswith("vbaproject.bin"):
        item.marks.add(FileMark.MACROS)
    if name.endswith((".xml", ".rels")):
        with opened.open(entry) as stream:
            item.marks |= find_in_source(name, stream.read(_SOURCE_BYTES))
    with opened.open(entry) as stream:
        item.look_at(entry.filename, read_stream(stream), is_part=True)


def find_in_source(name: str, source: bytes) -> set[FileMark]:
    """Return what a part that is XML says of its document; `name` is in small letters."""
    marks = set[FileMark]()
    if name == "[content_types].xml":
        found = _MACRO_TYPES.search(source) is not None
    elif name.endswith(".rels"):
        found = any(_FETCHED.search(each.group()) for each in _OUTSIDE.finditer(source))
    elif name == "meta-inf/manifest.xml":
        found = False
        if b"encryption-data" in source:
            marks.update((FileMark.ENCRYPTED, FileMark.UNSCANNABLE))
    else:
        found = name.startswith(("word/", "xl/externallinks/")) and _DDE.search(source) is not None
        found |= b"script:event-listener" in source and b"vnd.sun.star.script" in source
    if found:
        marks.add(FileMark.MACROS)
    return marks
