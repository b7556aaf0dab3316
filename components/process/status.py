"""The status file of a process: written by the process itself, read by supervisors and `steelyard check`."""

import asyncio
import contextlib
import errno
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.process.json_text import read_json

_INTERVAL_S = 0.5
_MAX_AGE_S = 3.0
_PASSES = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a process, in a word, and further details; all are JSON values."""

    state: str
    details: Mapping[str, object] = field(default_factory=dict)


class StatusFile:
    """The file in which a process reports its state; each write calls `describe`.

    It is written twice a second, and soon after `changed` is set, for changes that must not wait.
    """

    def __init__(self, path: Path, describe: Callable[[], Status], changed: asyncio.Event) -> None:
        self._path = path
        self._draft = path.with_suffix(".new")
        self._describe = describe
        self._changed = changed

    def require_place(self) -> None:
        """Raise OSError if the file can never be written: its place is a folder, or this user's rights do not do."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._draft.touch()
        except OSError as error:
            if error.errno not in _PASSES:
                raise
        if self._path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self._path))

    def write(self) -> None:
        """Write the present state as one JSON object, atomically, so that a reader never sees half of it.

        A full disk does not stop the process. The file becomes old, and supervisors look for that.
        """
        status = self._describe()
        text = json.dumps({"state": status.state, "pid": os.getpid(), **status.details}) + "\n"
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._draft.write_text(text)
            self._draft.replace(self._path)

    async def keep_writing(self) -> None:
        """Keep the file up to date until cancelled."""
        while True:
            self.write()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_INTERVAL_S):
                    await self._changed.wait()
            self._changed.clear()


def read_status(path: Path, pid: int | None = None) -> tuple[dict[str, Any], str]:
    """Read the status of a process; with `pid`, only of the process with this id.

    Return the status, empty if there is none, and a fault, in words that follow a name, or nothing.
    """
    try:
        age_s = time.time() - path.stat().st_mtime
        status = read_json(path.read_bytes())
    except (OSError, ValueError):
        return {}, "has not told its status yet"
    if not isinstance(status, dict) or (pid is not None and status.get("pid") != pid):
        return {}, "has not told its status yet"
    # Or a process that hangs would pass for one that is well until its time comes again.
    if age_s < -_MAX_AGE_S:
        return status, "has been silent since the clock was set back"
    return status, f"has been silent for {age_s:.0f} s" if age_s > _MAX_AGE_S else ""
