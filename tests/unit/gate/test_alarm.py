"""Alarms: told once, shown while they last, and each recorded exactly once, whatever the disk does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from components.archive import recorder as recorder_module
from components.archive.alarm import Alarms
from components.archive.alarm_name import STATES, AlarmName
from components.archive.errors import LogUnavailable
from components.archive.reader import LogReader
from components.archive.record import Alarm, RecordKind, parse_record
from components.archive.recorder import Recorder
from components.archive.store import Change
from components.archive.store.sqlite import SqliteStore
from components.archive.writer import LogWriter
from tests.support.archive import RECIPIENTS, SIGNER, open_payloads
from tests.support.process import wait_until

DOCUMENT = (Path(__file__).parents[3] / "docs" / "alarms.md").read_text()


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class FaultyStore(SqliteStore):
    """A store whose commits fail, before they do anything or after they did all, as often as told."""

    fails_before = fails_after = 0

    async def commit(self, change: Change) -> None:
        if change.leaves and self.fails_before:
            self.fails_before -= 1
            raise LogUnavailable("the disk is full")
        await super().commit(change)
        if change.leaves and self.fails_after:
            self.fails_after -= 1
            raise LogUnavailable("the answer was lost")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path) -> FaultyStore:
    return await FaultyStore.open(tmp_path / "gate.db")


@pytest.fixture
async def writer(store: FaultyStore) -> AsyncIterator[LogWriter]:
    writer = await LogWriter.open_on(store, SIGNER, RECIPIENTS)
    yield writer
    await writer.close()


@pytest.fixture
async def recorder(
    writer: LogWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Recorder]:
    monkeypatch.setattr(recorder_module, "_RETRY_S", 0.01)
    reader = await LogReader.open(tmp_path / "gate.db")
    recorder = Recorder(writer, reader.source)
    task = asyncio.create_task(recorder.run())
    yield recorder
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await reader.close()


@pytest.fixture
def alarms(recorder: Recorder, clock: Clock) -> Alarms:
    return Alarms(recorder, clock_s=clock)


async def recorded(writer: LogWriter, path: Path) -> list[Alarm]:
    await writer.sign()
    found = [parse_record(RecordKind.ALARM, payload) for payload in await open_payloads(path)]
    return [each for each in found if isinstance(each, Alarm)]


def names(alarms: Alarms) -> list[tuple[str, int]]:
    return [(str(each["name"]), int(str(each["times"]))) for each in alarms.present()]


def test_a_state_is_told_when_it_begins_and_when_it_ends(alarms: Alarms, clock: Clock) -> None:
    with capture_logs() as entries:
        for _ in range(3):
            alarms.sound(AlarmName.NOT_RECORDING, reason="the disk is full")
        assert names(alarms) == [("not-recording", 1)]
        clock.now_s += 7
        alarms.end(AlarmName.NOT_RECORDING)
        alarms.end(AlarmName.NOT_RECORDING)
    assert names(alarms) == []
    assert [(each["event"], each.get("reason"), each.get("over_after_s")) for each in entries] == [
        ("alarm", "the disk is full", None),
        ("alarm is over", None, 7),
    ]
    assert alarms.times() == {AlarmName.NOT_RECORDING: 1}


def test_a_state_that_comes_and_goes_is_told_once_a_minute_and_always_shown(
    alarms: Alarms, clock: Clock
) -> None:
    with capture_logs() as entries:
        for _ in range(20):
            alarms.sound(AlarmName.CANARY_LOST, reached="sent")
            assert len(alarms.present()) == 1
            alarms.end(AlarmName.CANARY_LOST)
            assert alarms.present() == []
            clock.now_s += 6
    assert [(each["event"], each.get("untold")) for each in entries] == [
        ("alarm", None),
        ("alarm is over", None),
        ("alarm", 9),
        ("alarm is over", None),
    ]
    assert alarms.times() == {AlarmName.CANARY_LOST: 20}


def test_an_event_is_shown_for_a_day_and_told_once_a_minute(alarms: Alarms, clock: Clock) -> None:
    with capture_logs() as entries:
        for seq in range(100):
            alarms.sound(AlarmName.NUMBERS_MISSING, epoch="9f2c", first=seq, last=seq)
        clock.now_s += 61
        alarms.sound(AlarmName.NUMBERS_MISSING, epoch="9f2c", first=100, last=100)
    assert [(each["first"], each.get("untold")) for each in entries] == [(0, None), (100, 99)]
    assert names(alarms) == [("numbers-missing", 101)]
    clock.now_s += 86_300
    assert names(alarms) == [("numbers-missing", 101)]
    clock.now_s += 200
    assert names(alarms) == []


async def test_each_is_recorded_in_order(alarms: Alarms, writer: LogWriter, tmp_path: Path) -> None:
    alarms.sound(AlarmName.LINK_DOWN)
    alarms.end(AlarmName.LINK_DOWN)
    alarms.sound(AlarmName.NUMBER_REUSED, last=7, first=7, epoch="9f2c")
    assert await wait_until(lambda: writer.size >= 4)  # the segment's own record is one
    found = await recorded(writer, tmp_path / "gate.db")
    assert [(each.name, each.details) for each in found] == [
        ("link-down", ()),
        ("link-down", (("over_after_s", 0),)),
        ("number-reused", (("epoch", "9f2c"), ("first", 7), ("last", 7))),
    ]
    assert all(each.at_ns > 0 for each in found)


@pytest.mark.parametrize(("before", "after"), [(3, 0), (0, 1), (2, 2), (0, 2), (1, 1)])
async def test_a_disk_that_fails_keeps_each_alarm_once(
    recorder: Recorder,
    alarms: Alarms,
    store: FaultyStore,
    writer: LogWriter,
    tmp_path: Path,
    before: int,
    after: int,
) -> None:
    store.fails_before, store.fails_after = before, after
    alarms.sound(AlarmName.NOT_RECORDING, reason="the disk is full")
    assert await wait_until(lambda: not (store.fails_before or store.fails_after))
    alarms.sound(AlarmName.RECORDS_MISSING, first=3, last=4, records=2)
    assert await wait_until(lambda: not recorder.unwritten)
    found = await recorded(writer, tmp_path / "gate.db")
    assert [each.name for each in found] == ["not-recording", "records-missing"]


@pytest.mark.parametrize("name", AlarmName)
def test_every_alarm_is_documented_with_what_to_do(name: AlarmName) -> None:
    (section,) = [part for part in DOCUMENT.split("\n## ") if part.startswith(f"`{name.value}`\n")]
    assert "**Do:**" in section
    assert ("State" if name in STATES else "Event") in section


def test_nothing_is_documented_that_is_no_alarm() -> None:
    sections = [part.split("`")[1] for part in DOCUMENT.split("\n## ") if part.startswith("`")]
    assert sections == [name.value for name in AlarmName]
