"""How a process of a site lives: it says when it is ready, and whatever ends it, what it opened is closed."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from components.process.run import Process, TaskEnded
from tests.support.process import PATIENCE_S, ProcessUnderTest, wait_until
from tests.support.rounds import mostly_slow

PROGRAM = """
import asyncio, sys
from components.process.run import Process, run_process
from components.process.status import Status

class Part:
    def __init__(self, name):
        self.name = name
        self.say("open")

    def say(self, what):
        print(what, self.name, flush=True)

    async def close(self):
        self.say("close")

    async def run(self):
        try:
            await asyncio.Event().wait()
        finally:
            self.say("end")

async def start(process):
    log = process.keep(Part("log"))
    process.run("task", log.run())
    await asyncio.sleep(0)
    process.keep(Part("link"))
    {code}

sys.exit(run_process("toy", start, wrong_settings=(KeyError,), cannot_go_on=(LookupError,)))
"""


def write_program(folder: Path, code: str) -> list[str]:
    program = folder / "toy.py"
    program.write_text(PROGRAM.replace("{code}", code))
    return [sys.executable, str(program), str(folder / "site.toml")]


def run_to_end(folder: Path, code: str) -> tuple[int, list[str], list[dict[str, Any]]]:
    done = subprocess.run(
        write_program(folder, code), capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    return done.returncode, done.stdout.splitlines(), [json.loads(line) for line in done.stderr.splitlines()]


class Toy(ProcessUnderTest):
    """A process that says what it opens and closes; its status file is written when it has started."""

    def __init__(self, folder: Path, code: str) -> None:
        super().__init__("toy", folder / "toy.out")
        self.output = folder / "toy.out"
        self.status_file = folder / "toy.status.json"
        self._command = write_program(folder, code)

    async def start(self) -> None:
        self._launch(self._command)

    def said(self) -> list[str]:
        return self.output.read_text().splitlines() if self.output.exists() else []

    async def wait_until_said(self, line: str) -> None:
        assert await wait_until(lambda: line in self.said()), self.log_tail()

    async def end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return await asyncio.to_thread(self._process.wait, PATIENCE_S)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_the_reverse_order(number: signal.Signals, tmp_path: Path) -> None:
    async with Toy(tmp_path, "print('started', flush=True)") as toy:
        await toy.wait_until_said("started")
        assert await toy.end(number) == 0
        assert toy.said() == ["open log", "open link", "started", "close link", "end log", "close log"]


def test_the_collector_leaves_alone_what_was_loaded(tmp_path: Path) -> None:
    code = """
    import gc
    async def look():
        while not gc.get_freeze_count():
            await asyncio.sleep(0)
        print("looks after", gc.get_threshold()[0])
    process.run("look", look())
    print("frozen", gc.get_freeze_count())
"""
    _, said, _ = run_to_end(tmp_path, code)
    assert "frozen 0" in said
    assert "looks after 20000" in said


async def test_a_signal_interrupts_the_start(tmp_path: Path) -> None:
    async with Toy(tmp_path, "print('waits', flush=True); await asyncio.sleep(60)") as toy:
        await toy.wait_until_said("waits")
        assert await toy.end(signal.SIGTERM) == 0
        assert toy.said()[-3:] == ["close link", "end log", "close log"]


@pytest.mark.parametrize(
    ("code", "status", "event", "reason"),
    mostly_slow(
        [
            ("raise ValueError('no such port')", 2, "wrong settings", "no such port"),
            ("raise KeyError('key')", 2, "wrong settings", "'key'"),
            ("raise IndexError('log')", 1, "stopped", "log"),
            ("raise OSError('disk')", 1, "stopped", "disk"),
            ("raise RuntimeError('bug')", 1, "failed", "RuntimeError: bug"),
            ("process.run('short', asyncio.sleep(0))", 1, "stopped", "short has ended"),
        ],
        2,
    ),
)
def test_whatever_fails_is_told_and_everything_closed(
    code: str, status: int, event: str, reason: str, tmp_path: Path
) -> None:
    returned, said, logged = run_to_end(tmp_path, code)
    assert returned == status
    assert sorted(said) == sorted(["open log", "open link", "end log", "close log", "close link"])
    assert said[-1] == "close log"
    assert (logged[-1]["component"], logged[-1]["event"], logged[-1]["reason"]) == ("toy", event, reason)


def test_without_its_argument_it_says_what_is_missing(tmp_path: Path) -> None:
    command = write_program(tmp_path, "")[:-1]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 2
    assert "python -m components.toy SITE_TOML" in json.loads(done.stderr)["reason"]


async def test_the_service_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        loop = asyncio.get_running_loop()
        async with Toy(tmp_path, "pass") as toy, asyncio.timeout(PATIENCE_S):
            assert await loop.sock_recv(manager, 100) == b"READY=1"
            assert await toy.end(signal.SIGTERM) == 0
            assert await loop.sock_recv(manager, 100) == b"STOPPING=1"


async def test_the_service_manager_hears_that_the_process_lives_until_its_loop_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = tmp_path / "notify"
    # The first word is sent before anything is opened; what hangs then says no second one.
    code = "import time; await asyncio.sleep(0.05); hung = open('hung', 'w'); time.sleep(60)"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.setblocking(False)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        monkeypatch.setenv("WATCHDOG_USEC", "20000")
        loop = asyncio.get_running_loop()
        async with Toy(tmp_path, code) as toy, asyncio.timeout(PATIENCE_S):
            assert await loop.sock_recv(manager, 100) == b"WATCHDOG=1"
            assert await loop.sock_recv(manager, 100) == b"WATCHDOG=1"
            assert await wait_until((tmp_path / "hung").exists)
            while True:
                try:
                    assert manager.recv(100) == b"WATCHDOG=1"
                except BlockingIOError:
                    break
            await asyncio.sleep(0.1)  # ten of its intervals
            with pytest.raises(BlockingIOError):
                manager.recv(100)
            await toy.end(signal.SIGKILL)


async def test_a_log_level_is_taken(tmp_path: Path) -> None:
    code = (
        "process.use_log_level('error'); import structlog;"
        "structlog.get_logger().info('not told'); raise OSError('told')"
    )
    _status, _said, logged = run_to_end(tmp_path, code)
    assert [line["event"] for line in logged] == ["stopped"]


async def test_a_log_that_was_moved_away_is_opened_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard output too, and what is read again fails without an end of anything."""
    code = """
    def read():
        print("read again", flush=True)
        raise ValueError("line 3 is wrong")
    process.on_reload(read)
    process.on_reload(lambda: print("the next one", flush=True))
    print('started', flush=True)
"""
    moved = tmp_path / "toy.out.1"
    monkeypatch.setenv("STEELYARD_LOG_FILE", str(tmp_path / "toy.out"))
    async with Toy(tmp_path, code) as toy:
        await toy.wait_until_said("started")
        for _ in range(2):
            pid, before = toy.pid, toy.output.read_text()
            toy.output.rename(moved)
            os.kill(pid, signal.SIGHUP)
            await toy.wait_until_said("the next one")
            assert await wait_until(lambda: "SIGHUP: done" in toy.output.read_text())
            assert (toy.running, toy.pid, moved.read_text()) == (True, pid, before)
            assert "read again" in toy.said()
            assert '"reason": "line 3 is wrong"' in toy.output.read_text()
        assert await toy.end(signal.SIGTERM) == 0
        assert toy.said()[-1] == "close log"


async def test_without_a_named_log_the_managers_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STEELYARD_LOG_FILE", raising=False)
    async with Toy(tmp_path, "print('started', flush=True)") as toy:
        await toy.wait_until_said("started")
        toy.output.rename(tmp_path / "moved")
        os.kill(toy.pid, signal.SIGHUP)
        assert await wait_until(lambda: "SIGHUP: done" in (tmp_path / "moved").read_text())
        assert not toy.output.exists()


@dataclass(slots=True)
class Parts:
    """Closes as told, and remembers what was closed."""

    closed: list[str] = field(default_factory=list)

    def part(self, name: str, error: Exception | None = None) -> "_Part":
        return _Part(self, name, error)


@dataclass(slots=True)
class _Part:
    parts: Parts
    name: str
    error: Exception | None

    async def close(self) -> None:
        self.parts.closed.append(self.name)
        if self.error:
            raise self.error


async def fail_soon(error: Exception) -> None:
    await asyncio.sleep(0)
    raise error


async def test_the_first_failure_is_the_one_that_is_told(tmp_path: Path) -> None:
    parts = Parts()

    async def start(process: Process) -> None:
        process.keep(parts.part("first"))
        process.keep(parts.part("second", OSError("closing failed, too")))
        process.run("task", fail_soon(ExceptionGroup("tasks", [LookupError("the cause")])))

    with pytest.raises(LookupError, match="the cause"):
        await Process("toy", tmp_path).live(start)
    assert parts.closed == ["second", "first"]


async def test_a_failure_to_close_is_told_where_nothing_else_failed(tmp_path: Path) -> None:
    parts = Parts()

    async def start(process: Process) -> None:
        process.keep(parts.part("first"))
        process.keep(parts.part("second", OSError("not closed")))
        signal.raise_signal(signal.SIGTERM)

    with pytest.raises(OSError, match="not closed"):
        await Process("toy", tmp_path).live(start)
    assert parts.closed == ["second", "first"]


async def test_a_task_that_fails_while_the_others_start_interrupts_them(tmp_path: Path) -> None:
    parts = Parts()

    async def start(process: Process) -> None:
        process.keep(parts.part("first"))
        process.run("task", fail_soon(LookupError("at once")))
        await asyncio.Event().wait()

    with pytest.raises(LookupError, match="at once"):
        async with asyncio.timeout(PATIENCE_S):
            await Process("toy", tmp_path).live(start)
    assert parts.closed == ["first"]


async def test_a_task_that_ends_ends_the_process(tmp_path: Path) -> None:
    async def start(process: Process) -> None:
        process.run("rules", asyncio.sleep(0))

    with pytest.raises(TaskEnded, match="rules has ended"):
        await Process("toy", tmp_path).live(start)
