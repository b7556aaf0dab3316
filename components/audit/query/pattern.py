"""Regular expressions of a query: those of RE2, whose time grows with the text alone."""

from functools import lru_cache
from typing import Any

import re2

from components.audit.query.error import UnclearError

MAX_PATTERN_BYTES = 1_000
_MAX_MEMORY_BYTES = 8 << 20
_LINES = "(?m)"  # ^ and $ are those of a line


def check_pattern(expression: str) -> None:
    """Raise UnclearError, with what is wrong, if RE2 does not take an expression."""
    if len(expression.encode()) > MAX_PATTERN_BYTES:
        raise UnclearError("pattern.long", most=f"{MAX_PATTERN_BYTES:,}")
    try:
        _compile(expression)
    except re2.error as error:
        said = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else error.args[0]
        what = said.replace(_LINES, "", 1)
        raise UnclearError("pattern", why=what) from None


def matches(expression: str, text: str) -> bool:
    """Return whether a text has what an expression describes, in upper or lower case; a line is a text's line."""
    return _compile(expression).search(_encode(text)) is not None


def find_spans(expression: str, text: str) -> list[tuple[int, int]]:
    """Return where an expression is found in a text: (start, end) in characters, in order."""
    encoded = _encode(text)
    spans = [found.span() for found in _compile(expression).finditer(encoded)]
    return [
        (len(encoded[:start].decode()), len(encoded[:end].decode())) for start, end in spans if start < end
    ]


@lru_cache(maxsize=256)
def _compile(expression: str) -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _MAX_MEMORY_BYTES
    return re2.compile(f"{_LINES}{expression}".encode(), options)


def _encode(text: str) -> bytes:
    """Encode a text; a lone surrogate, which has no UTF-8, is looked at as a question mark."""
    return text.encode(errors="replace")
