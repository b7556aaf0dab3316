"""Times as auditors type them, and as they are shown: what can be typed can be kept, looked for and shown."""

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import pytest

from components.audit.moment import format_time, parse_time
from components.process.errors import SiteError

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "zone", "told"),
    [
        ("2026-11-23", UTC, "2026-11-23T00:00:00.000000Z"),
        ("2026-11-23T09:30", UTC, "2026-11-23T09:30:00.000000Z"),
        ("2026-11-23 09:30:15.25", UTC, "2026-11-23T09:30:15.250000Z"),
        ("2026-11-23T09:30Z", BERLIN, "2026-11-23T09:30:00.000000Z"),
        ("2026-11-23T09:30", BERLIN, "2026-11-23T08:30:00.000000Z"),
        ("2026-07-23T09:30", BERLIN, "2026-07-23T07:30:00.000000Z"),  # in summer
        ("2026-11-23T09:30+05:30", UTC, "2026-11-23T04:00:00.000000Z"),
        ("1970-01-01", UTC, "1970-01-01T00:00:00.000000Z"),
        ("1970-01-01T01:00", BERLIN, "1970-01-01T00:00:00.000000Z"),
        ("2261-12-31T23:59:59.999999", UTC, "2261-12-31T23:59:59.999999Z"),
        ("20261123", UTC, "2026-11-23T00:00:00.000000Z"),
    ],
)
def test_a_time_is_read_in_its_zone_and_shown_in_utc(text: str, zone: tzinfo, told: str) -> None:
    assert format_time(parse_time(text, zone)) == told


def test_a_time_is_exact_to_the_microsecond() -> None:
    """As a float of seconds, it is not."""
    assert parse_time("2026-11-23T09:30:15.123457") == 1_795_426_215_123_457_000


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2026-13-01", "2026-02-30", "23.11.2026", "2026-11-23T25:00", "7d"]
)
def test_what_is_no_time_says_how_one_is_written(text: str) -> None:
    with pytest.raises(SiteError, match="is no time: write it as in 2026-11-23"):
        parse_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01",
        "1969-12-31T23:59:59.999999",
        "1970-01-01T00:59+01:00",
        "2262-01-01",
        "9999-12-31",
        "9999-12-31T23:59:59-14:00",  # in UTC, in a year that no calendar of Python has
        "0001-01-01T00:00+14:00",
    ],
)
def test_a_time_that_no_record_has_is_refused(text: str) -> None:
    """It would stay in a matter for ever, and could be neither shown nor looked for."""
    with pytest.raises(SiteError, match="a time lies between 1970 and 2261"):
        parse_time(text)
