"""Texts that people sign: each says one thing, which has no other encoding."""

from collections.abc import Callable, Iterable
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


def require_all(checks: Iterable[tuple[object, str]], error: Callable[[str], ValueError]) -> None:
    """Raise `error` with the problem of the first check that is not met, so that nobody signs what means nothing."""
    for is_met, problem in checks:
        if not is_met:
            raise error(problem)


def is_reason(text: str) -> bool:
    """Return whether it is as `REASON_RULE` says; it may be empty."""
    return len(text) <= _REASON_MAX and text.isprintable() and text == text.strip()
