"""A process of a site: how it starts, what it opens and runs, and how it ends."""

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog
import uvloop

from components.process.logs import configure_logging, reopen_log
from components.process.notify import find_watchdog_s, keep_watched, notify_manager
from components.process.status import Status, StatusFile

TOLD_TO_STOP = 0
CANNOT_GO_ON = 1
WRONG_SETTINGS = 2

# Python's own figure, 700, is for short programs: here it would have the collector look some hundred times a second at
# what is held for a moment, and find nothing. Cycles are rare, and a few megabytes of them may wait.
_COLLECT_AFTER_OBJECTS = 20_000


class Closable(Protocol):
    """A thing that stays open until it is closed."""

    async def close(self) -> None:
        """Close it."""


_Open = TypeVar("_Open", bound=Closable)
Errors = tuple[type[Exception], ...]


class TaskEnded(Exception):  # noqa: N818 - the condition is the name
    """A task that a process needs has ended."""


class Process:
    """A running process of a site.

    Everything that it opens and runs is on its `stack`, and ends in reverse order, even if something fails.
    """

    def __init__(self, name: str, site_toml: Path) -> None:
        self.name = name
        self.site_toml = site_toml
        self.stack = AsyncExitStack()
        self._changed = asyncio.Event()
        self._reread: list[Callable[[], None]] = []
        self._told_to_stop = asyncio.Event()
        self._starting: asyncio.Task[Any] | None = None  # only while it can be interrupted
        self._failure: Exception | None = None  # the first one; others follow from it

    def use_log_level(self, level: str) -> None:
        """Write logs from this level on (`debug`, `info`, `warn`, `error`)."""
        configure_logging(self.name, level)

    def on_reload(self, reread: Callable[[], None]) -> None:
        """Call this at each SIGHUP. What it raises of OSError and ValueError is logged, and ends nothing."""
        self._reread.append(reread)

    def keep(self, opened: _Open) -> _Open:
        """Close this at the end of the process, and return it."""
        self.stack.push_async_callback(opened.close)
        return opened

    def run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a task until the process ends, which cancels it. If the task ends earlier, the process ends, too."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._take_end)
        self.stack.push_async_callback(_cancel, task)

    def report(self, file: Path, describe: Callable[[], Status]) -> None:
        """Keep a status file up to date; the process id is always in it. Raises OSError if its place is none."""
        status = StatusFile(file, describe, self._changed)
        # Otherwise whoever waits for it would never learn why it does not come.
        status.require_place()
        self.run("status", status.keep_writing())

    def report_soon(self) -> None:
        """Write the status file soon: something has changed that must not wait."""
        self._changed.set()

    async def live(self, start: Callable[["Process"], Awaitable[None]]) -> None:
        """Start, run until told to stop or until a task ends, and close everything; raises the first error.

        `start` opens what the process needs, and runs its tasks. A signal interrupts it.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
        self._reread.insert(0, reopen_log)
        reopen_log()  # it may have been moved away while SIGHUP was still ignored
        try:
            async with self.stack:
                if watchdog_s := find_watchdog_s():
                    self.run("watchdog", keep_watched(watchdog_s))
                await self._start(start)
                await self._told_to_stop.wait()
                notify_manager("STOPPING=1")
        except Exception as error:
            self._fail(error)
        if self._failure is not None:
            raise self._failure

    async def _start(self, start: Callable[["Process"], Awaitable[None]]) -> None:
        self._starting = task = asyncio.current_task()
        try:
            await start(self)
        except asyncio.CancelledError:
            if task is None or not self._told_to_stop.is_set():
                raise
            task.uncancel()
        except Exception as error:
            self._fail(error)
        else:
            _spare_the_collector()
            notify_manager("READY=1")
        finally:
            self._starting = None

    def _reload(self) -> None:
        """Go on with a log that was moved away, and read again what can change; whatever fails, the line goes on."""
        log = structlog.get_logger(self.name)
        for reread in self._reread:
            try:
                reread()
            except (OSError, ValueError) as error:
                log.error("SIGHUP: not read again", reason=str(error))
        log.info("SIGHUP: done")

    def _take_end(self, task: asyncio.Task[None]) -> None:
        """Stop when a task ends: a process that cannot go on must not look alive."""
        if task.cancelled():
            return
        if error := task.exception():
            self._fail(error if isinstance(error, Exception) else TaskEnded(f"{task.get_name()}: {error!r}"))
        elif not self._told_to_stop.is_set():
            self._fail(TaskEnded(f"{task.get_name()} has ended"))
        self._stop()

    def _fail(self, error: Exception) -> None:
        if self._failure is None:
            self._failure = _first_cause(error)
        self._told_to_stop.set()

    def _stop(self) -> None:
        self._told_to_stop.set()
        if self._starting is not None:
            self._starting.cancel()


def run_process(
    name: str,
    start: Callable[[Process], Awaitable[None]],
    *,
    wrong_settings: Errors = (),
    cannot_go_on: Errors = (),
) -> int:
    """Run the process `name` of the site whose site.toml is the only argument, and return its exit status.

    0 if it was told to stop (SIGTERM, SIGINT); 1 if it cannot go on (OSError and `cannot_go_on`); 2 for wrong settings
    (ValueError and `wrong_settings`).
    """
    configure_logging(name, "info")
    log = structlog.get_logger(name)
    wrong: Errors = (ValueError, *wrong_settings)
    stopped: Errors = (OSError, TaskEnded, *cannot_go_on)
    try:
        uvloop.run(Process(name, _read_argument(name)).live(start))
    except wrong as error:
        log.error("wrong settings", reason=str(error))
        return WRONG_SETTINGS
    except stopped as error:
        log.error("stopped", reason=str(error))
        return CANNOT_GO_ON
    except Exception as error:
        log.exception("failed", reason=f"{type(error).__name__}: {error}")
        return CANNOT_GO_ON
    return TOLD_TO_STOP


def _read_argument(name: str) -> Path:
    if len(sys.argv) != 2:
        raise ValueError(f"name the site's file: python -m components.{name} SITE_TOML")
    return Path(sys.argv[1])


def _spare_the_collector() -> None:
    """Have the collector leave alone what a process has loaded, which stays until it ends, and look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))  # its process takes the result


def _first_cause(error: Exception) -> Exception:
    """Return the first error in a group of tasks, of which the others were cancelled."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
