"""A process that is killed before one of the lines that it executes, whichever is wanted."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Collection
from types import FrameType
from typing import Any

FAILED = 3


def run_killed(
    act: Callable[[], object], files: Collection[str | None], at: int, passing: Collection[str] = ()
) -> bool:
    """Act in a process of its own, killed with SIGKILL before line number `at` (from 0) of those in `files`.

    Lines of functions named in `passing` do not count, as they change nothing. Tells whether it ended before that,
    by itself.
    """
    child = os.fork()
    if not child:
        _act_and_end(act, files, at, passing)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0, "it failed by itself"
    return True


def _act_and_end(
    act: Callable[[], object], files: Collection[str | None], at: int, passing: Collection[str]
) -> None:
    seen = 0

    def trace_lines(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal seen
        if event == "line":
            if seen == at:
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1
        return trace_lines

    def trace_calls(frame: FrameType, _event: str, _argument: Any) -> Any:
        counts = frame.f_code.co_filename in files and frame.f_code.co_name not in passing
        return trace_lines if counts else None

    status = 0
    try:
        sys.settrace(trace_calls)
        act()
    except BaseException:
        status = FAILED
        sys.settrace(None)
        traceback.print_exc()
    finally:
        os._exit(status)
