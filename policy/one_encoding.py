"""Texts that people sign: each says one thing, which has no other encoding."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

_Value = TypeVar("_Value")
_REASON_MAX = 300

REASON_RULE = f"a reason is one line of at most {_REASON_MAX} characters"


def parse_only(
    text: str,
    build: Callable[[], _Value],
    encode: Callable[[_Value], str],
    error: Callable[[str], ValueError],
) -> _Value:
    """Return what `build` reads from a text; raises `error` unless the text is its encoding.

    `build` raises KeyError for what is missing, and ValueError for what is malformed.
    """
    try:
        value = build()
    except (KeyError, ValueError):
        raise error("something in it is missing or malformed") from None
    if encode(value) != text:
        raise error("it is in another encoding than its one")
    return value


def encode_line(header: str, act: str, fields: Mapping[str, str]) -> str:
    """Encode a line that says something: a header, an act, and the fields that are not empty, with its newline."""
    return " ".join([header, act, *(f"{name}={value}" for name, value in fields.items() if value)]) + "\n"


def split_line(
    text: str, header: str, last: str, error: Callable[[str], ValueError]
) -> tuple[str, dict[str, str]]:
    """Return the act and the fields of such a line; the value of `last` may have blanks. Raises `error`."""
    line, _, rest = text.removesuffix("\n").partition(f" {last}=")
    found, *words = line.split(" ")
    if found != header or not words:
        raise error(f"it does not begin with {header}")
    return words[0], dict(word.partition("=")[::2] for word in words[1:]) | {last: rest}


def require_all(checks: Iterable[tuple[object, str]], error: Callable[[str], ValueError]) -> None:
    """Raise `error` with the problem of the first check that is not met, so that nobody signs what means nothing."""
    for is_met, problem in checks:
        if not is_met:
            raise error(problem)


def is_reason(text: str) -> bool:
    """Return whether it is as `REASON_RULE` says; it may be empty."""
    return len(text) <= _REASON_MAX and text.isprintable() and text == text.strip()
