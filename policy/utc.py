"""Times as signed texts have them: in UTC, to the second, `2026-11-24T09:00:00Z` (RFC 3339, XEP-0082)."""

from datetime import UTC, datetime

_FORM = "%Y-%m-%dT%H:%M:%SZ"


def format_utc(time_s: int) -> str:
    """Write a Unix time; raises ValueError for one that is in no year of a calendar."""
    try:
        return datetime.fromtimestamp(time_s, UTC).strftime(_FORM)
    except (OverflowError, OSError):
        raise ValueError("a time is one that a calendar has") from None


def parse_utc(text: str) -> int:
    """Read such a time as Unix seconds; raises ValueError."""
    return int(datetime.strptime(text, _FORM).replace(tzinfo=UTC).timestamp())
