"""How long a silence a service manager takes for a hang, as sd_watchdog_enabled(3) reads it."""

import os

import pytest

from components.process.notify import WATCHDOG_VARIABLES, find_watchdog_s


@pytest.mark.parametrize(
    ("interval", "pid", "seconds"),
    [
        ("30000000", "ours", 30.0),
        ("30000000", None, 30.0),  # an older manager names no process
        ("500", None, 0.0005),
        ("30000000", "1", None),  # of another process, whose child this is
        ("30000000", "many", None),
        ("0", None, None),
        ("-1", None, None),
        ("soon", None, None),
        ("", "ours", None),
        ("\u0663", None, None),  # a digit, but none of ASCII's
        (None, None, None),
    ],
)
def test_the_managers_interval_counts_if_it_is_for_this_process(
    interval: str | None, pid: str | None, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = str(os.getpid()) if pid == "ours" else pid
    for name, value in zip(WATCHDOG_VARIABLES, (interval, told), strict=True):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert find_watchdog_s() == seconds
