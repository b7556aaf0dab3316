"""Keeping processes running: start, watch their health, start again with back-off, stop in order."""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from components.process.errors import SiteError
from components.process.logs import LOG_FILE_VARIABLE
from components.process.notify import ADDRESS_VARIABLE

_RESTART_MIN_S = 0.2
_RESTART_MAX_S = 30.0
_SETTLED_AFTER_S = 60.0  # a process that lived so long starts again at once when it dies
_CHECK_STARTING_S = 0.1
_CHECKS_TO_FAIL = 2  # one slow answer on a busy machine is no fault yet
_LOG_MAX_BYTES = 16 * 1024 * 1024


class State(StrEnum):
    """The state of a supervised process."""

    STARTING = "starting"
    HEALTHY = "healthy"
    FAILING = "failing"
    ENDED = "ended"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A process to keep running; `find_fault` gets its process id, and returns what is wrong, or nothing.

    `environment` has variables that it gets unless we have them ourselves.
    """

    name: str
    command: tuple[str, ...]
    log_file: Path
    find_fault: Callable[[int], Awaitable[str]]
    check_every_s: float = 2.0
    stop_timeout_s: float = 10.0
    environment: Mapping[str, str] = field(default_factory=dict)


OnChange = Callable[[str, State, str], None]
"""Called with a process's name, its new state, and a remark about it."""


class Supervisor:
    """Keeps processes running until stopped.

    It starts them in the given order, and stops them in the same order, each after the one before has ended.
    `kept_open` are file descriptors that every process inherits.
    """

    def __init__(
        self, specs: Sequence[ProcessSpec], on_change: OnChange, kept_open: Sequence[int] = ()
    ) -> None:
        self._kept = [_Kept(spec, on_change, tuple(kept_open)) for spec in specs]

    async def start(self, timeout_s: float) -> None:
        """Start all and wait until each is healthy; raises SiteError if one ends or does not become healthy."""
        for kept in self._kept:
            kept.start()
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(*(kept.wait_first_healthy() for kept in self._kept))
        except TimeoutError:
            late = next(kept for kept in self._kept if kept.state is not State.HEALTHY)
            raise SiteError(
                f"{late.spec.name} {late.fault or 'gives no answer'}, after {timeout_s:.0f} s; "
                f"see {late.spec.log_file}"
            ) from None

    def send_signal(self, number: signal.Signals, but_not: str = "") -> None:
        """Send a signal to all that are running, except one."""
        for kept in self._kept:
            if kept.spec.name != but_not:
                kept.send_signal(number)

    async def stop(self) -> None:
        """Stop all in order; return when none is left."""
        for kept in self._kept:
            kept.expect_end()
        for kept in self._kept:
            await kept.stop()


class _Kept:
    """One supervised process."""

    def __init__(self, spec: ProcessSpec, on_change: OnChange, kept_open: tuple[int, ...]) -> None:
        self.spec = spec
        self.state = State.STOPPED
        self.fault = ""
        self._on_change = on_change
        self._kept_open = kept_open
        self._runner: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._last_life = asyncio.Event()
        self._stop_now = asyncio.Event()
        self._first_outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        self._runner = asyncio.create_task(self._keep_running(), name=self.spec.name)

    async def wait_first_healthy(self) -> None:
        await asyncio.shield(self._first_outcome)

    def send_signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    def expect_end(self) -> None:
        """Note that the process may end from now on: this is not a fault, and it is not started again."""
        self._last_life.set()

    async def stop(self) -> None:
        self._stop_now.set()
        if self._runner is not None:
            await self._runner
        if self._first_outcome.done():
            self._first_outcome.exception()  # nobody may be waiting for it any more
        self._change(State.STOPPED)

    async def _keep_running(self) -> None:
        restart_s = _RESTART_MIN_S
        while not self._last_life.is_set():
            started_at_s = time.monotonic()
            status = await self._run_once()
            if self._last_life.is_set():
                return
            ended = _describe_end(status, self.spec.log_file)
            if not self._first_outcome.done():
                self._change(State.ENDED, ended)
                self._first_outcome.set_exception(
                    SiteError(f"{self.spec.name} did not start: it {ended}; see {self.spec.log_file}")
                )
                return
            if time.monotonic() - started_at_s > _SETTLED_AFTER_S:
                restart_s = _RESTART_MIN_S
            self._change(State.ENDED, f"{ended}; starts again in {restart_s:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._last_life.wait(), restart_s)
            restart_s = min(restart_s * 2, _RESTART_MAX_S)

    async def _run_once(self) -> int:
        """Run the process until it ends or is told to stop, and watch its health; return its exit status."""
        self._change(State.STARTING)
        process = self._process = await self._spawn()
        watch = asyncio.create_task(self._watch(process.pid))
        ended = asyncio.create_task(process.wait())
        told = asyncio.create_task(self._stop_now.wait())
        await asyncio.wait((ended, told), return_when=asyncio.FIRST_COMPLETED)
        for task in (watch, told):
            task.cancel()
        if not ended.done():
            process.terminate()
            await asyncio.wait((ended,), timeout=self.spec.stop_timeout_s)
        if not ended.done():
            process.kill()
        return await ended

    async def _spawn(self) -> asyncio.subprocess.Process:
        with _open_log(self.spec.log_file) as log:
            return await asyncio.create_subprocess_exec(
                # The kernel ends the process when we die, even by SIGKILL: nothing is left running unwatched.
                # setpriv sets that between fork and exec, where Python (preexec_fn) is not safe with threads.
                *("setpriv", "--pdeathsig", "TERM"),
                # Until a process says what SIGHUP does, it would end it.
                *("env", "--ignore-signal=HUP"),
                *self.spec.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C at the terminal is ours alone: we stop them in order
                pass_fds=self._kept_open,
                env=_environment(self.spec),
            )

    async def _watch(self, pid: int) -> None:
        failed_checks = 0
        while not self._last_life.is_set():
            self.fault = await self.spec.find_fault(pid)
            failed_checks = failed_checks + 1 if self.fault else 0
            if not self.fault:
                self._change(State.HEALTHY)
                if not self._first_outcome.done():
                    self._first_outcome.set_result(None)
            elif self.state is State.HEALTHY and failed_checks >= _CHECKS_TO_FAIL:
                self._change(State.FAILING, self.fault)
            await asyncio.sleep(
                _CHECK_STARTING_S if self.state is State.STARTING else self.spec.check_every_s
            )

    def _change(self, state: State, text: str = "") -> None:
        if state is not self.state:
            self.state = state
            self._on_change(self.spec.name, state, text)


def _environment(spec: ProcessSpec) -> dict[str, str]:
    """Return ours and its own variables, and the log's name; what a service manager tells us is not for others."""
    ours = {name: value for name, value in os.environ.items() if name != ADDRESS_VARIABLE}
    return {**spec.environment, **ours, LOG_FILE_VARIABLE: str(spec.log_file)}


def _open_log(path: Path) -> BinaryIO:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _LOG_MAX_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab")


def _describe_end(status: int, log_file: Path) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}: {_last_words(log_file)}"


def _last_words(log_file: Path) -> str:
    """Return the last line of a process's output; of a structured line, only what happened and why."""
    try:
        with log_file.open("rb") as log:
            log.seek(max(0, log_file.stat().st_size - 4096))
            lines = log.read().decode(errors="replace").strip().splitlines()
    except FileNotFoundError:  # moved away, and nothing was written since
        lines = []
    if not lines:
        return "it wrote nothing"
    try:
        entry = json.loads(lines[-1])
        return ": ".join(str(entry[key]) for key in ("event", "reason") if key in entry)[:300]
    except (ValueError, TypeError, KeyError):
        return lines[-1].strip()[:300]
