"""Keeping processes running: start, watch their health, start again with back-off, stop in order."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from components.process.errors import SiteError
from components.site.hand_over import NotReady, Successor, start_successor
from components.site.spawn import describe_end, our_environment, spawn

_RESTART_MIN_S = 0.2
_RESTART_MAX_S = 30.0
_SETTLED_AFTER_S = 60.0  # a process that lived so long starts again at once when it dies
_CHECK_STARTING_S = 0.1
_CHECKS_TO_FAIL = 2  # one slow answer on a busy machine is no fault yet


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

    `environment` has variables that it gets unless we have them ourselves. One that `hands_over` is started anew
    without a gap: its successor makes all ready before it stops (`components/process/turn.py`).
    """

    name: str
    command: tuple[str, ...]
    log_file: Path
    find_fault: Callable[[int], Awaitable[str]]
    check_every_s: float = 2.0
    stop_timeout_s: float = 10.0
    environment: Mapping[str, str] = field(default_factory=dict)
    hands_over: bool = False


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

    async def restart(self, name: str) -> None:
        """Start a process anew; return when the new one has its place, or could not start and the old one goes on."""
        for kept in self._kept:
            if kept.spec.name == name:
                await kept.restart()

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
        self._again: asyncio.Future[None] | None = None  # while somebody waits for a restart
        self._asked = asyncio.Event()
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

    async def restart(self) -> None:
        if self._runner is None or self._runner.done() or self._last_life.is_set():
            return
        self._again = asyncio.get_running_loop().create_future()
        self._asked.set()
        await asyncio.wait((self._again, self._runner), return_when=asyncio.FIRST_COMPLETED)

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
            ended = await self._run_once()
            if self._last_life.is_set():
                return
            if self._asked.is_set():  # it does not hand over: it was stopped to start anew
                restart_s = _RESTART_MIN_S
                self._change(State.ENDED, "was stopped, and starts anew")
                continue
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

    async def _run_once(self) -> str:
        """Run the process, and those that take its place, until one ends or is told to stop; return how it ended."""
        self._change(State.STARTING)
        try:
            self._process = await self._spawn()
        except OSError as error:  # its log cannot be written, or there is no room for one more process
            return f"could not be started: {error}"
        finally:
            self._settle_restart()
        while True:
            process = self._process
            successor = await self._live(process)
            status = await self._end(process)
            if successor is None:
                return describe_end(status, self.spec.log_file)
            self._change(State.STARTING, f"takes over from process {process.pid}")
            self._process = successor.process
            successor.give_turn()
            self._settle_restart()

    async def _live(self, process: asyncio.subprocess.Process) -> Successor | None:
        """Watch a process until it has ended or has to; return the one that takes its place, if that was asked for."""
        watch = asyncio.create_task(self._watch(process.pid))
        ended = asyncio.create_task(process.wait())
        told = asyncio.create_task(self._stop_now.wait())
        successor = None
        try:
            while successor is None:
                asked = asyncio.create_task(self._asked.wait())
                await asyncio.wait((ended, told, asked), return_when=asyncio.FIRST_COMPLETED)
                asked.cancel()
                if ended.done() or told.done() or not self.spec.hands_over:
                    break
                successor = await self._prepare()
        finally:
            for task in (watch, ended, told):
                task.cancel()
        return successor

    async def _prepare(self) -> Successor | None:
        """Start the process that takes the place of the present one; None if it cannot, or if all shall stop."""
        starting = asyncio.create_task(start_successor(self._spawn))
        last = asyncio.create_task(self._last_life.wait())
        await asyncio.wait((starting, last), return_when=asyncio.FIRST_COMPLETED)
        last.cancel()
        if not starting.done():
            starting.cancel()
            await asyncio.wait((starting,))
        try:
            successor = starting.result()
            if not self._last_life.is_set():
                return successor
            successor.give_up()
        except asyncio.CancelledError:
            pass
        except (NotReady, OSError) as error:
            self._on_change(self.spec.name, State.FAILING, f"goes on as it was: its successor {error}")
        self._settle_restart()
        return None

    def _settle_restart(self) -> None:
        """Let go on who waits for a restart."""
        self._asked.clear()
        if self._again is not None and not self._again.done():
            self._again.set_result(None)

    async def _end(self, process: asyncio.subprocess.Process) -> int:
        """Have a process end, at last by force, and return its exit status."""
        if process.returncode is None:
            process.terminate()
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(process.wait(), self.spec.stop_timeout_s)
        if process.returncode is None:
            process.kill()
        return await process.wait()

    async def _spawn(
        self, more: Mapping[str, str] | None = None, kept_open: tuple[int, ...] = ()
    ) -> asyncio.subprocess.Process:
        environment = {**self.spec.environment, **our_environment(), **(more or {})}
        return await spawn(self.spec.command, self.spec.log_file, environment, (*self._kept_open, *kept_open))

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
