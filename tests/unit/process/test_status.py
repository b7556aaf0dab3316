"""The status file: what a supervisor reads is whole, true, and there also while the disk is full."""

import asyncio
import errno
import json
import os
import signal
import time
from pathlib import Path

import pytest

from components.process import status
from components.process.run import Process
from components.process.status import Status, StatusFile, read_status
from tests.support.process import PATIENCE_S, wait_until


def test_process_and_state_are_always_in_it(tmp_path: Path) -> None:
    file = tmp_path / "run" / "toy.status.json"
    StatusFile(file, lambda: Status("connected", {"records": 7}), asyncio.Event()).write()
    assert json.loads(file.read_text()) == {"state": "connected", "pid": os.getpid(), "records": 7}
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_place_where_it_can_never_be_is_told(tmp_path: Path) -> None:
    """Otherwise who waits for it would never learn why it does not come."""
    file = tmp_path / "run" / "toy.status.json"
    StatusFile(file, lambda: Status("connected"), asyncio.Event()).require_place()
    file.mkdir()
    with pytest.raises(IsADirectoryError, match=r"toy\.status\.json"):
        StatusFile(file, lambda: Status("connected"), asyncio.Event()).require_place()
    below = tmp_path / "file" / "toy.status.json"
    below.parent.touch()
    with pytest.raises(FileExistsError):
        StatusFile(below, lambda: Status("connected"), asyncio.Event()).require_place()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_no_such_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fill(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "touch", fill)
    StatusFile(tmp_path / "toy.status.json", lambda: Status("connected"), asyncio.Event()).require_place()


async def test_it_is_written_again_and_again_also_after_the_disk_was_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "_INTERVAL_S", 0.005)
    file = tmp_path / "toy.status.json"
    draft = file.with_suffix(".new")
    draft.mkdir()  # nothing can be written
    task = asyncio.create_task(StatusFile(file, lambda: Status("connected"), asyncio.Event()).keep_writing())
    await asyncio.sleep(0.05)
    assert not file.exists()
    assert not task.done()
    draft.rmdir()
    assert await wait_until(file.exists)
    file.unlink()
    assert await wait_until(file.exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_must_not_wait_is_written_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "_INTERVAL_S", 2 * PATIENCE_S)
    file = tmp_path / "toy.status.json"
    state = ["disconnected"]

    async def change(process: Process) -> None:
        assert await wait_until(lambda: read_status(file)[0].get("state") == "disconnected")
        state[0] = "connected"
        process.report_soon()
        assert await wait_until(lambda: read_status(file)[0].get("state") == "connected")
        signal.raise_signal(signal.SIGTERM)
        await asyncio.Event().wait()

    async def start(process: Process) -> None:
        process.report_soon()
        process.report(file, lambda: Status(state[0]))
        process.run("change", change(process))

    await Process("toy", tmp_path / "site.toml").live(start)


def test_reading_tells_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "toy.status.json"
    not_told: tuple[dict[str, object], str] = ({}, "has not told its status yet")
    assert read_status(file) == not_told
    for text in ("", "{", "[1]", "\xff"):
        file.write_text(text, encoding="latin-1")
        assert read_status(file) == not_told
    StatusFile(file, lambda: Status("connected"), asyncio.Event()).write()
    told = {"state": "connected", "pid": os.getpid()}
    assert read_status(file) == read_status(file, os.getpid()) == (told, "")
    assert read_status(file, os.getpid() + 1) == not_told
    os.utime(file, (0, file.stat().st_mtime - 60))
    assert read_status(file) == (told, "has been silent for 60 s")
    # A process that hangs since before the clock was set back has a status of the future, which is no fresh one.
    os.utime(file, (0, time.time() + 3600))
    assert read_status(file) == (told, "has been silent since the clock was set back")
    os.utime(file, (0, time.time() + 1))  # the grain of a file system's clock
    assert read_status(file) == (told, "")
