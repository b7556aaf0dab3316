"""Times as people and other programs read them."""

from datetime import UTC, datetime, timedelta, tzinfo

from components.audit.query.times import LATEST_NS
from components.process.errors import SiteError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def format_time(at_ns: int) -> str:
    """Format a time as RFC 3339, in UTC, to the microsecond."""
    at = _EPOCH + timedelta(microseconds=at_ns // 1000)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_time(text: str, zone: tzinfo = UTC) -> int:
    """Read a day or a time as ISO 8601 has it, in `zone` if it does not say otherwise: nanoseconds since 1970.

    Raises SiteError, also for a time that no record has: what is kept of it could not be looked for, or shown.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SiteError(f"{text!r} is no time: write it as in 2026-11-23, or 2026-11-23T09:30Z") from None
    at_ns = (at.replace(tzinfo=at.tzinfo or zone) - _EPOCH) // timedelta(microseconds=1) * 1_000
    if not 0 <= at_ns <= LATEST_NS:
        raise SiteError(f"{text!r}: a time lies between 1970 and 2261")
    return at_ns
