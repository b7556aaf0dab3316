"""HTML, SVG and RTF: scripts and objects that run or are fetched when the page is opened."""

import re

from components.transfer.inspect.item import Item
from policy.files.facts import FileMark

_MOST_SOURCE_BYTES = 32 << 20
_ACTS = re.compile(
    rb"<(?:[a-z]{1,8}:)?script\b|\bon[a-z]{3,24}\s{0,8}=\s{0,8}[\"']?[^\"'\s>]|j\s*a\s*v\s*a\s*script\s*:|vbscript:"
    rb"|<(?:iframe|object|embed|applet|foreignobject)\b|http-equiv\s*=\s*[\"']?refresh|data:text/html",
    re.IGNORECASE,
)
_MAYBE_RTF = re.compile(rb"\\(?:objdata|objupdate|objautlink|objemb|objlink)\b|\\\*\\template\b")


def look_into_markup(item: Item) -> None:
    """Mark a page or a drawing that holds scripts, or frames and objects from elsewhere; raises TooMuch."""
    if len(item.data) > _MOST_SOURCE_BYTES:
        item.marks.add(FileMark.UNSCANNABLE)
    if _ACTS.search(_single_bytes(item.data[:_MOST_SOURCE_BYTES])):
        item.marks.add(FileMark.MACROS)


def look_into_rtf(item: Item) -> None:
    """Mark a text with objects of other programs, or a template from elsewhere (RTF 1.9.1)."""
    if _MAYBE_RTF.search(item.data):
        item.marks.add(FileMark.MACROS)


def _single_bytes(source: bytes) -> bytes:
    """Return UTF-16 source without its zero bytes, so that one search fits both."""
    return (
        source.replace(b"\0", b"")
        if source[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in source[:64]
        else source
    )
