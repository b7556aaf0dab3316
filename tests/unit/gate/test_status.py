"""The status file of the gate: what a supervisor reads is true."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from components.archive.alarm import Alarms
from components.archive.alarm_name import AlarmName
from components.gate.service import Gate
from components.gate.watch.status import describe_gate
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
        return describe_gate(gate, alarms).state

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
    told = describe_gate(gate, alarms).details
    assert (told["recorded"], told["failed_commits"], told["batches"], told["records"]) == (1, 1, 1, 2)
    assert told["rules"] == gate.decider.rules.digest
    assert told["alarms"] == alarms.present() != []


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
