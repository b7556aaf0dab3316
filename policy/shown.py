"""Texts that people are shown as they are, on the line and in clients: names, and sentences of rules and notices."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

# Controls would break the XML of a stanza (XML 1.0, 2.2), separators a line.
_NOT_SHOWN = frozenset({"Cc", "Cs", "Zl", "Zp"})
# These would turn around the text that follows (UAX 9), or are no characters.
DECEPTIVE = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufffe\uffff")


def check_line(text: str) -> str:
    """Return a text that a stanza can carry in one line; raises ValueError, which says what to leave out."""
    for char in text if not text.isprintable() else ():
        if char in DECEPTIVE or unicodedata.category(char) in _NOT_SHOWN:
            raise ValueError(f"has the control character {char!r}: leave it out, and write one line")
    return text


def check_lines(text: str) -> str:
    """Return a text that has nothing but what is seen, and line breaks; raises ValueError."""
    check_line(text.replace("\n", ""))
    return text


Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(check_line)
]
Sentence = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(check_line)
]
Notice = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(check_lines)]
