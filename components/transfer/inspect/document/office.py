"""Office documents made of parts in a ZIP: Office Open XML (ECMA-376) and OpenDocument 1.3."""

import re
import zipfile
from collections.abc import Callable
from typing import IO
from xml.parsers import expat

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
_ENCRYPTED_FLAG = 0x1
# A part may have any name; what it is stands in the list of content types.
_MACRO_TYPES = re.compile(
    r"vnd\.ms-office\.vbaproject|vnd\.ms-excel\.(?:intl)?macrosheet|activex\+xml", re.IGNORECASE
)
# A template, a frame or an object that is fetched, or run, when the document is opened.
_FETCHED = re.compile(
    r"/(?:attachedTemplate|oleObject|frame|externalLinkPath/dde|subDocument)$", re.IGNORECASE
)
_DDE = re.compile(r"\bDDE(?:AUTO)?\b")
_CELLS = ("xl/worksheets/", "xl/sharedstrings", "xl/styles", "ppt/")
_MOST_FIELD_CHARACTERS = 1 << 20
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
    with opened.open(entry) as stream:
        item.look_at(entry.filename, read_stream(stream), is_part=True)
    # Now its size is known, and counted. Cells and slides are many, and say nothing here.
    if entry.file_size and _is_source(name):
        with opened.open(entry) as stream:
            item.marks |= find_in_source(item.work.budget.check_time, stream)


def _is_source(name: str) -> bool:
    """Return whether a part is XML that may say something of its document."""
    return name.endswith(".rels") or (name.endswith(".xml") and not name.startswith(_CELLS))


def find_in_source(check_time: Callable[[], None], stream: IO[bytes]) -> set[FileMark]:
    """Return what a part that is XML says of its document; raises ExpatError, and what `check_time` raises.

    It is parsed, for a value may be written in many ways, and a field's code is often in several pieces.
    """
    seen = _Seen()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler, parser.CharacterDataHandler = seen.start, seen.text
    for chunk in read_stream(stream):
        check_time()
        parser.Parse(chunk, False)
    parser.Parse(b"", True)
    if _DDE.search("".join(seen.fields)):
        seen.marks.add(FileMark.MACROS)
    return seen.marks


class _Seen:
    """What was seen of a part's elements."""

    def __init__(self) -> None:
        self.marks: set[FileMark] = set()
        self.fields: list[str] = []
        self._is_field = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take the start of an element."""
        local = name.rpartition("}")[2]
        self._is_field = local == "instrText"
        if local == "encryption-data":
            self.marks.update((FileMark.ENCRYPTED, FileMark.UNSCANNABLE))
        elif local in ("Override", "Default"):
            self._mark_if(_MACRO_TYPES.search(attributes.get("ContentType", "")))
        elif local == "Relationship" and attributes.get("TargetMode", "").lower() == "external":
            self._mark_if(_FETCHED.search(attributes.get("Type", "")))
        elif local == "fldSimple":
            self._mark_if(any(_DDE.search(each) for each in attributes.values()))
        elif local == "event-listener":
            self._mark_if(any("vnd.sun.star.script" in each for each in attributes.values()))
        else:
            self._mark_if(local == "ddeLink")

    def _mark_if(self, found: object) -> None:
        if found:
            self.marks.add(FileMark.MACROS)

    def text(self, text: str) -> None:
        """Take text; a field's code is kept."""
        if self._is_field and len(self.fields) < _MOST_FIELD_CHARACTERS:
            self.fields.append(text)
