"""The status file of the gate: what a supervisor reads is true."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest

from components.archive.alarm import Alarms
from components.archive.alarm_name import AlarmName
from components.gate.review.queue import ReviewQueue
from components.gate.service import Gate
from components.gate.watch.status import describe_gate, describe_queue
from policy.facts import Way
from policy.review import Item, ItemKind, Stage
from tests.support.process import wait_until
from tests.unit.gate.fakes import Answers, FakeLog, KeptRecords, held, make_gate
from tests.unit.gate.fakes import status as adapter_status

QUEUE = ReviewQueue("gate.metals.example")


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
        return describe_gate(gate, alarms, QUEUE).state

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
    told = describe_gate(gate, alarms, QUEUE).details
    assert (told["recorded"], told["failed_commits"], told["batches"], told["records"]) == (1, 1, 1, 2)
    assert told["rules"] == gate.decider.rules.digest
    assert told["alarms"] == alarms.present() != []


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def waiting(token: str, held_at_ns: int) -> Item:
    return Item(
        token, ItemKind.MESSAGE, Stage.WAITING, 1, Way.C2S, "alice@metals.example", "bob@metals.example", b"",
        held_at_ns=held_at_ns,
    )  # fmt: skip


def test_held_messages_are_told_with_the_oldest_and_what_waits_for_no_reviewer_is_not() -> None:
    assert describe_queue(QUEUE) == {"waiting": 0, "oldest_at_ns": 0, "uncertain": 0}
    notice = replace(waiting("n", 1), kind=ItemKind.NOTICE)
    uncertain = replace(waiting("u", 2), stage=Stage.UNCERTAIN)
    queue = ReviewQueue("gate.metals.example", [waiting("b", 9), waiting("a", 7), notice, uncertain])
    assert describe_queue(queue) == {"waiting": 2, "oldest_at_ns": 7, "uncertain": 1}
