"""How a supervised process is started, where its output goes, and what its end is called."""

import asyncio
import os
import resource
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from components.process.json_text import read_json
from components.process.logs import LOG_FILE_VARIABLE
from components.process.notify import MANAGER_VARIABLES

OPEN_FILES = 65_536
_LOG_MAX_BYTES = 16 * 1024 * 1024


async def spawn(
    command: tuple[str, ...], log_file: Path, environment: Mapping[str, str], kept_open: tuple[int, ...]
) -> asyncio.subprocess.Process:
    """Start a process whose output goes to a file, whose name it gets; it inherits the descriptors `kept_open`."""
    with _open_log(log_file) as log:
        return await asyncio.create_subprocess_exec(
            # The kernel ends the process when we die, even by SIGKILL: nothing is left running unwatched.
            # setpriv sets that between fork and exec, where Python (preexec_fn) is not safe with threads.
            *("setpriv", "--pdeathsig", "TERM"),
            # As under systemd (units.py): of what a shell gives, often 1,024, a server has one for each that is online.
            *("prlimit", f"--nofile={open_files_limit()}:"),
            # Until a process says what SIGHUP does, it would end it.
            *("env", "--ignore-signal=HUP"),
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C at the terminal is ours alone: we stop them in order
            pass_fds=kept_open,
            env={**environment, LOG_FILE_VARIABLE: str(log_file)},
        )


def open_files_limit() -> str:
    """Return how many files a process may open that we start: as many as we may let it, up to what is ever needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return "unlimited"
    return str(max(soft, OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)))


def our_environment() -> dict[str, str]:
    """Return our variables; what a service manager tells us is not for others."""
    return {name: value for name, value in os.environ.items() if name not in MANAGER_VARIABLES}


def describe_end(status: int, log_file: Path) -> str:
    """Return how a process ended, in words that follow its name."""
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}: {_last_words(log_file)}"


def _open_log(path: Path) -> BinaryIO:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _LOG_MAX_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab")


def _last_words(log_file: Path) -> str:
    """Return the last line of a process's output; of a structured line, only what happened and why."""
    try:
        with log_file.open("rb") as log:
            log.seek(max(0, log_file.stat().st_size - 4096))
            lines = log.read().decode(errors="replace").strip().splitlines()
    except OSError:  # moved away, and nothing was written since; or it cannot be read
        lines = []
    if not lines:
        return "it wrote nothing"
    try:
        entry = read_json(lines[-1])
        return ": ".join(str(entry[key]) for key in ("event", "reason") if key in entry)[:300]
    except (ValueError, TypeError, KeyError):
        return lines[-1].strip()[:300]
