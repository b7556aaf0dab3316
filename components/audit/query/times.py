"""Reads the times of a query: a moment, how long ago, and the span that a date or a range stands for."""

import re
from datetime import UTC, datetime, timedelta

from components.audit.query.error import UnclearError

_MOMENT = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?P<time>T\d\d:\d\d(?P<s>:\d\d(?:\.(?P<f>\d{1,6}))?)?(?P<zone>Z|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)
_AGO = re.compile(r"(?P<count>\d{1,9})(?P<unit>[smhdw])", re.ASCII)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DAYS_AGO = {"today": 0, "yesterday": 1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_YEAR = 2261  # the last whole year whose nanoseconds fit into SQLite's 64 bits
_MICROSECOND = timedelta(microseconds=1)
_LATEST = datetime(_LAST_YEAR + 1, 1, 1, tzinfo=UTC)
LATEST_NS = (_LATEST - _EPOCH) // _MICROSECOND * 1000 - 1000
"""The last moment that can be written in a query."""


def read_moment(value: str, now_s: int) -> int:
    """Return the moment at which a time begins (since 1970, in nanoseconds); raises UnclearError."""
    return read_span(value, now_s)[0]


def read_span(value: str, now_s: int) -> tuple[int, int]:
    """Return when a time begins and ends: a day, a minute, a second, or a moment; raises UnclearError."""
    try:
        begin, length = _read(value, now_s)
        begin_us = (begin - _EPOCH) // _MICROSECOND
        end_us = begin_us + length // _MICROSECOND
    except (ValueError, OverflowError):
        raise UnclearError("time") from None
    if begin_us < 0 or begin >= _LATEST:
        raise UnclearError("time.years", last=_LAST_YEAR)
    return begin_us * 1000, end_us * 1000


def read_range(value: str, now_s: int) -> tuple[int | None, int | None]:
    """Return when a range begins and ends, both ends as a whole; None where it is open. Raises UnclearError."""
    first, is_range, last = value.partition("..")
    if not is_range:
        return read_span(value, now_s)
    begin_ns = read_span(first.strip(), now_s)[0] if first.strip() else None
    end_ns = read_span(last.strip(), now_s)[1] if last.strip() else None
    if begin_ns is None and end_ns is None:
        raise UnclearError("range")
    if begin_ns is not None and end_ns is not None and begin_ns >= end_ns:
        raise UnclearError("range.backwards")
    return begin_ns, end_ns


def _read(value: str, now_s: int) -> tuple[datetime, timedelta]:
    """Return when a time begins, and how long it is."""
    text = value.upper()
    now = _EPOCH + timedelta(seconds=now_s)
    if (days := _DAYS_AGO.get(value.lower())) is not None:
        return now.replace(hour=0, minute=0, second=0) - timedelta(days=days), timedelta(days=1)
    if ago := _AGO.fullmatch(value.lower()):
        return now - timedelta(seconds=int(ago["count"]) * _UNIT_S[ago["unit"]]), _MICROSECOND
    if not (found := _MOMENT.fullmatch(text)):
        raise ValueError(value)
    at = datetime.fromisoformat(text)
    at = at if found["zone"] else at.replace(tzinfo=UTC)
    if not found["time"]:
        return at, timedelta(days=1)
    if not found["s"]:
        return at, timedelta(minutes=1)
    return at, timedelta(microseconds=10 ** (6 - len(found["f"] or "")))
