"""The status file: what a supervisor reads is whole, true, and there also while the disk is full."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from components.process import status
from components.process.run import Process
from components.process.status import Status, StatusFile, read_status
from tests.support.process import wait_until


def test_process_and_state_are_always_in_it(tmp_path: Path) -> None:
    file = tmp_path / "run" / "toy.status.json"
    StatusFile(file, lambda: Status("connected", {"records": 7})).write()
    assert json.loads(file.read_text()) == {"state": "connected", "pid": os.getpid(), "records": 7}
    assert [path.name for path in file.parent.iterdir()] == [file.name]


async def test_it_is_written_again_and_again_also_after_the_disk_was_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "_INTERVAL_S", 0.005)
    file = tmp_path / "toy.status.json"
    draft = file.with_suffix(".new")
    draft.mkdir()  # nothing can be written
    task = asyncio.create_task(StatusFile(file, lambda: Status("connected")).keep_writing())
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


async def test_a_process_writes_it_when_it_wants_to(tmp_path: Path) -> None:
    file = tmp_path / "toy.status.json"
    states = ["disconnected"]
    written = []

    async def start(process: Process) -> None:
        process.report_now()
        assert not file.exists()
        process.report(file, lambda: Status(states[-1]))
        states.append("connected")
        process.report_now()
        written.append(json.loads(file.read_text())["state"])
        signal.raise_signal(signal.SIGTERM)

    await Process("toy", tmp_path / "site.toml").live(start)
    assert written == ["connected"]


def test_reading_tells_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "toy.status.json"
    not_told = ({}, "has not told its status yet")
    assert read_status(file) == not_told
    for text in ("", "{", "[1]", "\xff"):
        file.write_text(text, encoding="latin-1")
        assert read_status(file) == not_told
    StatusFile(file, lambda: Status("connected")).write()
    told = {"state": "connected", "pid": os.getpid()}
    assert read_status(file) == read_status(file, os.getpid()) == (told, "")
    assert read_status(file, os.getpid() + 1) == not_told
    os.utime(file, (0, file.stat().st_mtime - 60))
    assert read_status(file) == (told, "has been silent for 60 s")
