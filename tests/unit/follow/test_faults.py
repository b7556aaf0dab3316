"""What a follower says is wrong: once, and in the same words each time."""

import pytest

from components.follow.client import _say_why
from components.follow.service import _tell_faults


def test_a_fault_of_several_logs_is_said_once() -> None:
    away = "https://feed.example: cannot be reached"
    faults = {"gate": away, "roster": away, "transfer": "stands still"}
    assert list(_tell_faults(faults)) == [
        f"the logs gate, roster: {away}",
        "the log transfer: stands still",
    ]
    assert list(_tell_faults({})) == []


@pytest.mark.parametrize("first", ["('::1', 5290, 0, 0)", "('127.0.0.1', 5290)"])
def test_why_nothing_came_does_not_depend_on_which_address_was_tried_first(first: str) -> None:
    tried = f"[Errno 111] Connect call failed {first}, [Errno 111] Connect call failed ('127.0.0.1', 5290)"
    error = OSError(f"Cannot connect to host localhost:5290 ssl:default [Multiple exceptions: {tried}]")
    assert _say_why(error) == "connection refused"
    assert _say_why(OSError("Server disconnected")) == "Server disconnected"
