"""The gate's status file: what a supervisor reads to know whether the line records."""

import asyncio
import contextlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from components.gate.service import Gate
from components.gate.watch.alarm import Alarms

_INTERVAL_S = 0.5


def describe_gate(gate: Gate, alarms: Alarms) -> Mapping[str, object]:
    """Return what the status file says."""
    state = "disconnected" if not gate.is_connected else "connected" if gate.commits else "not recording"
    counters = gate.counters
    return {
        "state": state,
        "pid": os.getpid(),
        "rules": gate.rules.digest,
        "records": gate.records,
        "recorded": counters.recorded,
        "refused": counters.refused,
        "repeated": counters.repeated,
        "batches": counters.batches,
        "failed_commits": counters.failed_commits,
        "alarms": alarms.present(),
    }


async def report_status(
    path: Path, describe: Callable[[], Mapping[str, object]], changed: asyncio.Event
) -> None:
    """Keep the status file up to date until cancelled; a full disk does not stop the gate.

    It is written twice a second, and at once when there is something that must not wait.
    """
    while True:
        with contextlib.suppress(OSError):
            # The file goes stale, which is what a supervisor looks for.
            _write(path, describe())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_INTERVAL_S):
                await changed.wait()
        changed.clear()


def _write(path: Path, status: Mapping[str, object]) -> None:
    """Write it as one JSON object; atomically, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(status) + "\n")
    draft.replace(path)
