"""Times as people and other programs read them."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def format_time(at_ns: int) -> str:
    """Format a time as RFC 3339, in UTC, to the microsecond."""
    at = _EPOCH + timedelta(microseconds=at_ns // 1000)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
