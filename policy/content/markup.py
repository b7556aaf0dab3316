"""HTML that stands in a text as characters, as in an entry of Atom: some clients show what it means."""

import html
import re

_TAG = r"</?[A-Za-z][^<>]{0,1024}>|<!--[^<>]{0,1024}-->"
_TAGS = re.compile(_TAG)
# Only then it hides something: elsewhere, the words are there as well.
_CUT = re.compile(rf"\w(?:{_TAG})+\w|&#?\w{{1,10}};")


def undo_markup(text: str) -> str:
    """Return a text as a browser would show it; empty if its tags cut no word."""
    return html.unescape(_TAGS.sub("", text)) if _CUT.search(text) else ""
