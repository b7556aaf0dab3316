"""PDF (ISO 32000-2), searched as a whole, and not read as a reader does.

A reader follows references, and repairs what is broken, each in its own way. What runs in one of them has to lie in the
file: so every object is searched, whether or not anything refers to it, and every stream of objects is unpacked.
"""

import contextlib
import itertools
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from components.transfer.inspect.item import CHUNK_BYTES, Data, Item, Piece
from components.transfer.inspect.signature import HTML, find_kinds
from policy.files.facts import FileMark

_STREAM = re.compile(rb"(?<!end)stream\r?\n?")
_END_OF_STREAM = b"endstream"
_DICTIONARY_BYTES = 4096
"""How far in front of a stream its dictionary is searched for."""
_LAST_OBJECT = re.compile(rb"\bobj\b|\bendobj\b|endstream")
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_HEAD_BYTES = 512
_EOF = b"%%EOF"
_BLANK = b" \t\r\n\f\0"

_RUNS = re.compile(
    rb"/JavaScript\b|/JS\s*(?:[(<]|\d+\s+\d+\s+R)|/Launch\b|/ImportData\b|/SubmitForm\b|/RichMedia\b"
    rb"|/GoToE\b|/Rendition\b|/XFA\s*(?:\[|<|\d+\s+\d+\s+R)"
)
_WHEN_OPENED = re.compile(rb"/(?:OpenAction|AA)\s*(\[|<<[^>]{0,2000}>|(\d+)\s+\d+\s+R)")
_MOVES_VIEW = re.compile(rb"^\s*(?:\[|.*/S\s*/(?:GoTo|Named)\b)", re.DOTALL)
_MOST_AT_OPENING = 100
"""More than this many are looked up by nobody: each is one search of the file."""
_ENCRYPTED = re.compile(rb"/Encrypt\s*(?:<<|\d+\s+\d+\s+R)")
_ATTACHED = re.compile(rb"/EmbeddedFile\b")
_OBJECTS = re.compile(rb"/ObjStm\b")
_FLATE_ALONE = re.compile(rb"/(?:Filter|F)\s*\[?\s*/(?:FlateDecode|Fl)\b\s*(?:\]|/|>|$)")
_FILTER = re.compile(rb"/(?:Filter|F)\s*[\[/]")
_PREDICTOR = re.compile(rb"/Predictor\s+(?!1\b)\d")


@dataclass(frozen=True, slots=True)
class _Stream(Piece):
    """A stream, and the dictionary in front of it in the plain spelling of names."""

    dictionary: bytes


def look_into_pdf(item: Item) -> None:
    """Look for passwords, scripts, actions and attached files in a PDF; raises TooMuch."""
    data = item.data
    _check_end(item)
    sources, at = [], 0
    for stream in _streams_of(data):
        item.work.budget.check_time()
        sources.append(_plain(data[at : stream.start]))
        at = stream.end
        if _OBJECTS.search(stream.dictionary):
            sources.append(_plain(b"".join(_unpack(item, stream))))
        elif _ATTACHED.search(stream.dictionary) or _begins_as_file(item, stream):
            item.marks.add(FileMark.ARCHIVE)
            item.work.budget.take_members()
            # Its name stands in another object.
            item.look_at("", _unpack(item, stream))
    sources.append(_plain(data[at:]))
    _search(item, b"\n".join(sources))


def _check_end(item: Item) -> None:
    """Mark what follows behind the last `%%EOF` (7.5.5); each update of a file adds one of its own."""
    at = item.data.rfind(_EOF)
    if at < 0:
        item.marks.add(FileMark.UNSCANNABLE)
    elif any(
        item.data[start : start + CHUNK_BYTES].strip(_BLANK)
        for start in range(at + len(_EOF), len(item.data), CHUNK_BYTES)
    ):
        item.marks.add(FileMark.TRAILING_BYTES)


def _streams_of(data: Data) -> Iterator[_Stream]:
    at = 0
    while found := _STREAM.search(data, at):
        before = data[max(at, found.start() - _DICTIONARY_BYTES) : found.start()]
        # That of the object before it belongs to another one.
        parts = _LAST_OBJECT.split(before)
        end = data.find(_END_OF_STREAM, found.end())
        end = len(data) if end < 0 else end
        yield _Stream(found.end(), end, _plain(parts[-1]))
        at = end


def _plain(source: bytes) -> bytes:
    """Return PDF source with names as they are meant: `/J#61vaScript` is `/JavaScript` (7.3.5)."""
    if b"#" not in source:
        return source
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), source)


def _unpack(item: Item, stream: _Stream) -> Iterator[bytes]:
    """Yield what a stream unpacks to, and mark one that cannot be unpacked to its end; raises TooMuch."""
    if _FILTER.search(stream.dictionary) is None:
        yield stream.read(item.data)
        return
    if not _FLATE_ALONE.search(stream.dictionary) or _PREDICTOR.search(stream.dictionary):
        item.marks.add(FileMark.UNSCANNABLE)
        return
    unpacker = zlib.decompressobj()
    for packed in stream.chunks(item.data):
        left = packed
        while left and not unpacker.eof:
            try:
                unpacked = unpacker.decompress(left, CHUNK_BYTES)
            except zlib.error:
                item.marks.add(FileMark.UNSCANNABLE)
                return
            item.work.budget.take_bytes(len(unpacked))
            yield unpacked
            left = unpacker.unconsumed_tail


def _begins_as_file(item: Item, stream: _Stream) -> bool:
    """Return whether a stream begins as a file; that it is an attached one may be left unsaid (7.11.4)."""
    head = b""
    if _FILTER.search(stream.dictionary) is None:
        head = stream.read(item.data, _HEAD_BYTES)
    elif _FLATE_ALONE.search(stream.dictionary):
        with contextlib.suppress(zlib.error):
            packed = stream.read(item.data, CHUNK_BYTES)
            head = zlib.decompressobj().decompress(packed, _HEAD_BYTES)
    kinds = find_kinds(head)
    return bool(kinds) and kinds[0] != HTML and not kinds[0].startswith("image/")


def _search(item: Item, source: bytes) -> None:
    if _ENCRYPTED.search(source):
        # Strings and streams of objects are ciphertext: nothing that was not found is absent.
        item.marks.update((FileMark.ENCRYPTED, FileMark.UNSCANNABLE))
    at_opening = list(itertools.islice(_WHEN_OPENED.finditer(source), _MOST_AT_OPENING + 1))
    if (
        _RUNS.search(source)
        or len(at_opening) > _MOST_AT_OPENING
        or any(_acts(source, found) for found in at_opening)
    ):
        item.marks.add(FileMark.MACROS)


def _acts(source: bytes, found: re.Match[bytes]) -> bool:
    """Return whether what happens at opening does more than to turn to a page, as most writers have it (12.6.4)."""
    action = found[1]
    if found[2] is not None:
        number = found[2].lstrip(b"0") or b"0"
        defined = list(re.finditer(rb"(?<!\d)0*" + number + rb"\s+\d+\s+obj\b(.{0,2000})", source, re.DOTALL))
        # One in a stream of objects is not to be told from its neighbours: their actions are searched for by name.
        return any(not _MOVES_VIEW.match(each[1].partition(b"endobj")[0]) for each in defined)
    return not _MOVES_VIEW.match(action)
