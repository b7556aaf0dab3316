"""The gate's status file: what a supervisor reads to know whether the line records."""

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import Protocol

from components.archive.writer import LogWriter
from components.gate.service import Gate

_INTERVAL_S = 0.5


class Link(Protocol):
    """What the status needs to know of the link."""

    @property
    def is_up(self) -> bool:
        """Whether the server has accepted the component."""


def write_status(path: Path, gate: Gate, link: Link, writer: LogWriter) -> None:
    """Write the present state as one JSON object; atomically, so that a reader never sees half of it."""
    state = "disconnected" if not link.is_up else "connected" if gate.commits else "not recording"
    status = {
        "state": state,
        "pid": os.getpid(),
        "rules": gate.rules.digest,
        "records": writer.size,
        "recorded": gate.counters.recorded,
        "refused": gate.counters.refused,
        "repeated": gate.counters.repeated,
        "batches": gate.counters.batches,
        "failed_commits": gate.counters.failed_commits,
        "alarms": gate.watch.alarms.present(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(status) + "\n")
    draft.replace(path)


async def report_status(path: Path, gate: Gate, link: Link, writer: LogWriter) -> None:
    """Keep the status file up to date until cancelled; a full disk does not stop the gate."""
    while True:
        with contextlib.suppress(OSError):  # the file goes stale, which is what a supervisor looks for
            write_status(path, gate, link, writer)
        await asyncio.sleep(_INTERVAL_S)
