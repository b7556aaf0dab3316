"""Which bytes of a file a request asks for (RFC 9110, 14); pure."""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"([0-9]*)[ \t]*-[ \t]*([0-9]*)")
# Behind the end of any file. What is longer is not read as a number: that takes long.
_FAR = 10**18
# More would cost more than the whole file (RFC 9110, 14.2 lets a server ignore such).
_MOST = 16


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `start` to `end` of a file, without the one at `end`."""

    start: int
    end: int

    def content_range(self, size_bytes: int) -> str:
        """Return the value of Content-Range (RFC 9110, 14.4)."""
        return f"bytes {self.start}-{self.end - 1}/{size_bytes}"


class RangeNotSatisfiable(ValueError):  # noqa: N818 - the status is called so
    """None of the ranges is in the file: 416 (RFC 9110, 15.5.17)."""


def parse_ranges(header: str, size_bytes: int) -> tuple[ByteRange, ...]:
    """Parse a Range header; returns nothing where the whole file is meant, also for what is malformed.

    Raises RangeNotSatisfiable. Ranges are in the order of the request, unless some overlap or touch: those are put
    together, and all are in the order of the file.
    """
    unit, equals, rest = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return ()
    found: list[ByteRange] = []
    parts = [part.strip() for part in rest.split(",") if part.strip()]
    for part in parts:
        match = _RANGE.fullmatch(part)
        if match is None or not (match[1] or match[2]):
            return ()
        if match[1] and match[2] and _number(match[1]) > _number(match[2]):
            return ()
        found += _resolve(match[1], match[2], size_bytes)
    if not parts or len(parts) > _MOST:
        return ()
    if not found:
        raise RangeNotSatisfiable
    joined = _join(found)
    return () if joined == (ByteRange(0, size_bytes),) and len(parts) > 1 else joined


def _resolve(first: str, last: str, size_bytes: int) -> list[ByteRange]:
    if not first:  # the last so many bytes
        length = min(_number(last), size_bytes)
        return [ByteRange(size_bytes - length, size_bytes)] if length else []
    start = _number(first)
    end = min(_number(last) + 1, size_bytes) if last else size_bytes
    return [ByteRange(start, end)] if start < size_bytes else []


def _number(digits: str) -> int:
    shown = digits.lstrip("0") or "0"
    return int(shown) if len(shown) <= 18 else _FAR


def _join(ranges: list[ByteRange]) -> tuple[ByteRange, ...]:
    joined: list[ByteRange] = []
    asked = tuple(ranges)
    for each in sorted(ranges, key=lambda each: each.start):
        if joined and each.start <= joined[-1].end:
            joined[-1] = ByteRange(joined[-1].start, max(joined[-1].end, each.end))
        else:
            joined.append(each)
    return asked if len(joined) == len(asked) else tuple(joined)
