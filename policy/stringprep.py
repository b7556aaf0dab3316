"""What a server makes of the parts of an address: Nodeprep and Nameprep (RFC 3920, A; RFC 3491), which are Stringprep.

Prosody and ejabberd compare addresses after this, also where RFC 7622 has newer rules by now. Pure; Unicode 3.2.
"""

import stringprep as tables
from collections.abc import Callable
from unicodedata import ucd_3_2_0

_Table = Callable[[str], bool]

_PROHIBITED: tuple[_Table, ...] = (
    tables.in_table_c12,
    tables.in_table_c22,
    tables.in_table_c3,
    tables.in_table_c4,
    tables.in_table_c5,
    tables.in_table_c6,
    tables.in_table_c7,
    tables.in_table_c8,
    tables.in_table_c9,
)
_PROHIBITED_IN_NODES: tuple[_Table, ...] = (
    tables.in_table_c11,
    tables.in_table_c21,
    "\"&'/:<>@".__contains__,
    *_PROHIBITED,
)
_ASCII_PROHIBITED_IN_NODES = frozenset(
    char for char in map(chr, range(128)) if any(is_in(char) for is_in in _PROHIBITED_IN_NODES)
)


class StringprepError(ValueError):
    """A text that Stringprep does not allow; `char` is the first character at fault, empty if it is their order."""

    def __init__(self, char: str) -> None:
        super().__init__(f"{char!r} is not allowed" if char else "right-to-left and other letters are mixed")
        self.char = char


def nodeprep(localpart: str) -> str:
    """Return the part of an address before its `@` as a server compares it; raises StringprepError."""
    if localpart.isascii():
        return _prepare_ascii(localpart, _ASCII_PROHIBITED_IN_NODES)
    return _prepare(localpart, _PROHIBITED_IN_NODES)


def nameprep(domain: str) -> str:
    """Return a domain as a server compares it; raises StringprepError."""
    if domain.isascii():
        return _prepare_ascii(domain, frozenset())
    return _prepare(domain, _PROHIBITED)


def _prepare_ascii(text: str, prohibited: frozenset[str]) -> str:
    """Do as `_prepare` does, which of ASCII only makes the letters small, and asks each table about each character."""
    prepared = text.lower()
    for char in prepared:
        if char in prohibited:
            raise StringprepError(char)
    return prepared


def _prepare(text: str, prohibited: tuple[_Table, ...]) -> str:
    _refuse(text, (tables.in_table_a1,))
    mapped = "".join(tables.map_table_b2(char) for char in text if not tables.in_table_b1(char))
    prepared = ucd_3_2_0.normalize("NFKC", mapped)
    # Letters whose capital is older than Unicode 3.2 and they are not: Python maps to them, which others don't.
    _refuse(prepared, (tables.in_table_a1, *prohibited))
    _check_directions(prepared)
    return prepared


def _refuse(text: str, prohibited: tuple[_Table, ...]) -> None:
    for char in text:
        if any(is_in(char) for is_in in prohibited):
            raise StringprepError(char)


def _check_directions(text: str) -> None:
    """Check RFC 3454, section 6: with a right-to-left letter there is no other, and both ends are such letters."""
    if not any(map(tables.in_table_d1, text)):
        return
    ends_so = tables.in_table_d1(text[0]) and tables.in_table_d1(text[-1])
    if not ends_so or any(map(tables.in_table_d2, text)):
        raise StringprepError("")
