"""Texts that people sign: each says one thing, which has no other encoding."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, TypeVar

_Value = TypeVar("_Value")
_REASON_MAX = 300

REASON_RULE = f"a reason is one line of at most {_REASON_MAX} characters"
RECORD_ID = re.compile(r"[0-9A-Za-z._-]{1,64}/(0|[1-9][0-9]{0,17})")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class LineForm(Generic[_Value]):
    """How values of one kind are a line that people sign: `header act name=value ...`, the last of which has blanks.

    `name_fields` returns the act and the fields, of which empty ones are left out; `build` makes the value of them, and
    raises KeyError or ValueError. `require_valid` raises what `error` makes of a problem.
    """

    header: str
    last: str
    name_fields: Callable[[_Value], tuple[str, Mapping[str, str]]]
    build: Callable[[str, Mapping[str, str]], _Value]
    require_valid: Callable[[_Value], None]
    error: Callable[[str], ValueError]

    def encode(self, value: _Value) -> str:
        """Encode as the signed line, with its newline; raises `error` for values that mean nothing."""
        self.require_valid(value)
        act, fields = self.name_fields(value)
        words = (f"{name}={each}" for name, each in fields.items() if each)
        return " ".join([self.header, act, *words]) + "\n"

    def parse(self, text: str) -> _Value:
        """Parse a line; raises `error` unless it is in its one encoding."""
        line, _, rest = text.removesuffix("\n").partition(f" {self.last}=")
        found, *words = line.split(" ")
        if found != self.header or not words:
            raise self.error(f"it does not begin with {self.header}")
        fields = dict(word.partition("=")[::2] for word in words[1:]) | {self.last: rest}
        return parse_only(text, lambda: self.build(words[0], fields), self.encode, self.error)

    def digest(self, value: _Value) -> str:
        """Return the SHA-256 (hex) of its line, by which others name it, and a repetition is known."""
        return sha256(self.encode(value).encode()).hexdigest()


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
