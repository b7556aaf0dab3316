"""The witness's status file: what a supervisor and `steelyard check` read."""

import asyncio
import contextlib
import json
import os
from pathlib import Path

from components.witness.service import WitnessService

_INTERVAL_S = 0.5


def write_status(path: Path, service: WitnessService) -> None:
    """Write the present state as one JSON object; atomically, so that a reader never sees half of it."""
    status = {
        "state": "running",
        "pid": os.getpid(),
        "cosigns": list(service.witness.origins),
        "logs": {feed.name: feed.newest[1].size if feed.newest else None for feed in service.feeds},
        "faults": service.find_faults(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(status) + "\n")
    draft.replace(path)


async def report_status(path: Path, service: WitnessService) -> None:
    """Keep the status file up to date until cancelled; a full disk does not stop the witness."""
    while True:
        with contextlib.suppress(OSError):  # the file goes stale, which is what a supervisor looks for
            write_status(path, service)
        await asyncio.sleep(_INTERVAL_S)
