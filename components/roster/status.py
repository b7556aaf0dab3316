"""The roster component's status file: what a supervisor and `steelyard check` read."""

import asyncio
import contextlib
import json
import os
from dataclasses import asdict
from pathlib import Path

from components.roster.service import RosterService

_INTERVAL_S = 0.5


def write_status(path: Path, service: RosterService) -> None:
    """Write the present state as one JSON object; atomically, so that a reader never sees half of it."""
    keeper = service.keeper
    status = {
        "state": service.state,
        "pid": os.getpid(),
        "domains": sorted(keeper.hosts),
        "waiting": keeper.waiting,
        "without_account": keeper.without_account,
        **asdict(keeper.counters),
        "records": service.journal.size,
        "problems": list(service.problems),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(status) + "\n")
    draft.replace(path)


async def report_status(path: Path, service: RosterService) -> None:
    """Keep the status file up to date until cancelled; a full disk does not stop the component."""
    while True:
        with contextlib.suppress(OSError):  # the file goes stale, which is what a supervisor looks for
            write_status(path, service)
        await asyncio.sleep(_INTERVAL_S)
