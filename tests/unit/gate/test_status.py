"""The status file: what a supervisor reads is whole, true, and there also while the disk is full."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from components.gate.service import Gate
from components.gate.watch import status
from components.gate.watch.alarm import Alarms
from components.gate.watch.alarm_name import AlarmName
from components.gate.watch.status import describe_gate, report_status
from tests.support.process import wait_until
from tests.unit.gate.fakes import Answers, FakeLog, KeptRecords, held, make_gate
from tests.unit.gate.fakes import status as adapter_status


@pytest.fixture
def log() -> FakeLog:
    return FakeLog()


@pytest.fixture
async def gate(log: FakeLog) -> AsyncIterator[Gate]:
    gate = make_gate(log)
    task = asyncio.create_task(gate.run())
    yield gate
    await stop(task)


async def test_the_state_is_what_a_supervisor_must_know(log: FakeLog, gate: Gate) -> None:
    alarms = Alarms(KeptRecords())

    def state() -> object:
        return describe_gate(gate, alarms)["state"]

    assert state() == "disconnected"
    gate.connected(Answers().write)
    assert state() == "connected"
    log.fates.append("failed")
    gate.take([adapter_status(1, 1, 2), held(1)])
    assert await wait_until(lambda: state() == "not recording")
    gate.disconnected()
    assert state() == "disconnected"
    gate.connected(Answers().write)
    gate.take([adapter_status(1, 1, 2), held(1)])
    assert await wait_until(lambda: state() == "connected")
    alarms.sound(AlarmName.NUMBERS_MISSING)
    told = describe_gate(gate, alarms)
    assert (told["recorded"], told["failed_commits"], told["batches"], told["records"]) == (1, 1, 1, 2)
    assert (told["pid"], told["rules"]) == (os.getpid(), gate.rules.digest)
    assert told["alarms"] == alarms.present() != []


async def test_it_is_written_again_and_again_also_after_the_disk_was_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "_INTERVAL_S", 0.005)
    file = tmp_path / "run" / "gate.status.json"
    draft = file.with_suffix(".new")
    draft.mkdir(parents=True)  # nothing can be written
    task = asyncio.create_task(report_status(file, lambda: {"state": "connected"}, asyncio.Event()))
    await asyncio.sleep(0.05)
    assert not file.exists()
    assert not task.done()
    draft.rmdir()
    assert await wait_until(file.exists)
    file.unlink()
    assert await wait_until(file.exists)
    assert json.loads(file.read_text()) == {"state": "connected"}
    await stop(task)
    assert [path.name for path in file.parent.iterdir()] == ["gate.status.json"]


async def test_what_must_not_wait_is_written_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "_INTERVAL_S", 60.0)
    file = tmp_path / "gate.status.json"
    state, changed = {"state": "connected"}, asyncio.Event()
    task = asyncio.create_task(report_status(file, lambda: state, changed))
    assert await wait_until(file.exists)
    state["state"] = "disconnected"
    changed.set()
    assert await wait_until(lambda: json.loads(file.read_text()) == state)
    await stop(task)


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
