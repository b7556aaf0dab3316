"""Logs are JSON lines with time, level, component and event, and never quote stanzas."""

import json
import subprocess
import sys
from typing import Any

import pytest

PROGRAM = """
import logging, structlog
from components.process.logs import configure_logging
configure_logging("gate", {level!r})
{code}
"""


def logged(code: str, level: str = "info") -> list[dict[str, Any]]:
    program = PROGRAM.format(level=level, code=code)
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == ""
    return [json.loads(line) for line in result.stderr.splitlines()]


def test_a_line_has_time_level_component_and_event() -> None:
    (line,) = logged("structlog.get_logger().info('connected', records=3)")
    assert line.pop("time").endswith("Z")
    assert line == {"level": "info", "component": "gate", "event": "connected", "records": 3}


def test_the_standard_library_logs_the_same_way() -> None:
    (line,) = logged("logging.getLogger('x').warning('slow: %d ms', 7)")
    assert (line["level"], line["component"], line["event"]) == ("warning", "gate", "slow: 7 ms")


def test_a_line_break_in_a_value_does_not_make_a_line() -> None:
    (line,) = logged("structlog.get_logger().info('refused', to='a\\nb')")
    assert line["to"] == "a\nb"


@pytest.mark.slow
def test_what_is_below_the_level_is_left_out() -> None:
    code = "log = structlog.get_logger()\nfor name in ('debug', 'info', 'warning', 'error'): getattr(log, name)(name)"
    assert [line["event"] for line in logged(code, "debug")] == ["debug", "info", "warning", "error"]
    assert [line["event"] for line in logged(code, "warn")] == ["warning", "error"]


def test_libraries_that_quote_stanzas_stay_silent_at_debug_level() -> None:
    code = "for name in ('slixmpp', 'slixmpp.xmlstream.xmlstream', 'aiosqlite'): logging.getLogger(name).debug('body')"
    assert logged(code, "debug") == []


def test_an_exception_is_one_line() -> None:
    (line,) = logged("try: 1 / 0\nexcept ZeroDivisionError: logging.getLogger('x').exception('failed')")
    assert line["event"] == "failed"
    assert "ZeroDivisionError" in line["exception"]
