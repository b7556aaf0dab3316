"""An outage of a store: told once, however often it is tried again, and nothing else is passed over."""

import asyncio

import pytest
import structlog
from structlog.testing import capture_logs

from components.archive.errors import LogDamaged, LogFenced, LogUnavailable
from components.archive.outage import Outage

FULL = LogUnavailable("the disk is full")


def said_of(*attempts: Exception | None) -> list[str]:
    """Make attempts that end in these errors, and return the reasons that were logged."""
    with capture_logs() as lines:
        outage = Outage(structlog.get_logger(), "no checkpoint")
        for error in attempts:
            with outage:
                if error is not None:
                    raise error
    return [f"{line['event']}: {line['reason']}" for line in lines]


def test_an_outage_is_told_once_until_an_attempt_succeeds() -> None:
    line = f"no checkpoint: {FULL}"
    assert said_of() == said_of(None, None) == []
    assert said_of(FULL, FULL, FULL) == [line]
    assert said_of(FULL, FULL, None, None, FULL, FULL) == [line, line]


@pytest.mark.parametrize(
    "error", [LogDamaged("damaged"), LogFenced("fenced"), asyncio.CancelledError(), ValueError()]
)
def test_any_other_error_goes_on(error: Exception) -> None:
    with pytest.raises(type(error)), Outage(structlog.get_logger(), "no checkpoint"):
        raise error
