"""HTML, SVG and RTF: scripts and objects that run or are fetched when the page is opened."""

import html
import re

from components.transfer.inspect.item import Item
from policy.files.facts import FileMark

_MOST_SOURCE_BYTES = 32 << 20
_ACTS = re.compile(
    rb"<(?:[a-z]{1,8}:)?script\b|\bon[a-z]{3,24}\s{0,8}=\s{0,8}[\"']?[^\"'\s>]|j\s*a\s*v\s*a\s*script\s*:|vbscript:"
    rb"|<(?:iframe|object|embed|applet|foreignobject)\b|http-equiv\s*=\s*[\"']?refresh|data:text/html"
    # An animation that sets what runs (SVG 1.1, 19.2); an entity that is fetched (XML 1.0, 4.2.2).
    rb"|\battributename\s*=\s*[\"']?\s*on|<!entity\s+(?:%\s+)?[^\s>]{1,200}\s+(?:system|public)\b",
    re.IGNORECASE,
)
# What browsers find in an address once its references are undone; a page that shows source has others written so.
_REFERENCE = re.compile(rb"&(?:#|tab;|newline;|colon;)", re.IGNORECASE)
_RUN_ADDRESS = re.compile(
    r"j\s*a\s*v\s*a\s*s\s*c\s*r\s*i\s*p\s*t\s*:|vbscript\s*:|data\s*:\s*text/html", re.IGNORECASE
)
# An entity made of others: ten of ten of ten fill any memory.
_ENTITY_OF_ENTITIES = re.compile(
    rb"<!entity\s+[^\s>]{1,200}\s+(?:\"[^\"]{0,4096}&[a-z_:]|'[^']{0,4096}&[a-z_:])", re.IGNORECASE
)
_MAYBE_RTF = re.compile(
    rb"\\(?:objdata|objupdate|objautlink|objemb|objlink)\b|\\\*\\template\b|\\fldinst\b[^\0]{0,200}?\bDDE(?:AUTO)?\b"
)


def look_into_markup(item: Item) -> None:
    """Mark a page or a drawing that holds scripts, or frames and objects from elsewhere; raises TooMuch."""
    if len(item.data) > _MOST_SOURCE_BYTES:
        item.marks.add(FileMark.UNSCANNABLE)
    source = single_bytes(item.data[:_MOST_SOURCE_BYTES])
    if _ACTS.search(source) or (
        _REFERENCE.search(source) and _RUN_ADDRESS.search(html.unescape(source.decode("latin-1")))
    ):
        item.marks.add(FileMark.MACROS)
    if _ENTITY_OF_ENTITIES.search(source):
        item.marks.add(FileMark.BOMB)


def look_into_rtf(item: Item) -> None:
    """Mark a text with objects of other programs, or a template from elsewhere (RTF 1.9.1)."""
    if _MAYBE_RTF.search(item.data):
        item.marks.add(FileMark.MACROS)


def single_bytes(source: bytes) -> bytes:
    """Return UTF-16 source without its zero bytes, so that one search fits both."""
    return (
        source.replace(b"\0", b"")
        if source[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in source[:64]
        else source
    )
