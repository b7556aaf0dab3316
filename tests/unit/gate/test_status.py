"""The status file: what a supervisor reads is whole, true, and there also while the disk is full."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.gate.service import Gate
from components.gate.watch import status
from components.gate.watch.status import report_status, write_status
from tests.support.process import wait_until
from tests.unit.gate.fakes import Answers, FakeLog, held, make_gate
from tests.unit.gate.fakes import status as adapter_status


@dataclass(slots=True)
class Link:
    is_up: bool = True


@dataclass(slots=True)
class Writer:
    size: int = 7


@pytest.fixture
def log() -> FakeLog:
    return FakeLog()


@pytest.fixture
async def gate(log: FakeLog) -> AsyncIterator[Gate]:
    gate = make_gate(log)
    task = asyncio.create_task(gate.run(Answers().write))
    yield gate
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_the_state_is_what_a_supervisor_must_know(tmp_path: Path, log: FakeLog, gate: Gate) -> None:
    file = tmp_path / "run" / "gate.status.json"
    link = Link(is_up=False)

    def state() -> str:
        write_status(file, gate, link, Writer())  # type: ignore[arg-type]
        written = json.loads(file.read_text())
        assert (written["pid"], written["records"]) == (os.getpid(), 7)
        return str(written["state"])

    assert state() == "disconnected"
    link.is_up = True
    assert state() == "connected"
    log.fates.append("failed")
    gate.take([adapter_status(1, 1, 2), held(1)])
    assert await wait_until(lambda: state() == "not recording")
    link.is_up = False
    assert state() == "disconnected"
    link.is_up = True
    assert await wait_until(lambda: state() == "connected")
    written = json.loads(file.read_text())
    assert (written["recorded"], written["failed_commits"], written["batches"]) == (1, 1, 1)
    assert [path.name for path in file.parent.iterdir()] == ["gate.status.json"]


async def test_it_is_written_again_and_again_also_after_the_disk_was_full(
    tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "_INTERVAL_S", 0.005)
    file = tmp_path / "gate.status.json"
    draft = file.with_suffix(".new")
    draft.mkdir()  # nothing can be written
    task = asyncio.create_task(report_status(file, gate, Link(), Writer()))  # type: ignore[arg-type]
    await asyncio.sleep(0.05)
    assert not file.exists()
    assert not task.done()
    draft.rmdir()
    assert await wait_until(file.exists)
    file.unlink()
    assert await wait_until(file.exists)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
