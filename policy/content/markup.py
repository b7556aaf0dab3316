"""HTML and percent-encoding that stand in a text as characters: some clients show what they mean."""

import html
import re
from urllib.parse import unquote

_TAG = r"</?[A-Za-z][^<>]{0,1024}>|<!--[^<>]{0,1024}-->"
_TAGS = re.compile(_TAG)
# Only then it hides something: elsewhere, the words are there as well.
_CUT = re.compile(rf"\w(?:{_TAG})+\w|&#?\w{{1,10}};")
# Of a letter or a blank, or of another character in UTF-8.
_ENCODED = re.compile(r"%(?:2[0D]|[4-7][0-9A-F]|[C-F][0-9A-F]%)", re.IGNORECASE)
_OF_ADDRESSES = re.compile(r"[./:?#@\\]+")


def undo_markup(text: str) -> str:
    """Return a text as a browser would show it; empty if its tags cut no word."""
    return html.unescape(_TAGS.sub("", text)) if _CUT.search(text) else ""


def undo_percent(text: str) -> str:
    """Return the words of a text with links, as clients show the names of files; empty if nothing is encoded.

    The words stand apart, so that a link within a link is none.
    """
    return _OF_ADDRESSES.sub(" ", unquote(text, errors="ignore")) if _ENCODED.search(text) else ""
