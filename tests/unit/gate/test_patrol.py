"""The patrol: a record that vanishes is missed, once, and nothing else is; a checkpoint that is late is told."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from components.archive.alarm import Alarms
from components.archive.alarm_name import AlarmName
from components.archive.errors import LogUnavailable
from components.archive.reader import LogReader
from components.archive.writer import LogWriter
from components.gate.watch import patrol as patrol_module
from components.gate.watch.patrol import NEWEST_RECORDS, Patrol
from tests.support.archive import entries, open_writer
from tests.support.process import wait_until
from tests.unit.gate.fakes import KeptRecords


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[LogWriter]:
    writer = await open_writer(tmp_path / "gate.db")
    yield writer
    await writer.close()


@pytest.fixture
async def reader(writer: LogWriter, tmp_path: Path) -> AsyncIterator[LogReader]:
    reader = await LogReader.open(tmp_path / "gate.db")
    yield reader
    await reader.close()


def delete(path: Path, *indexes: int) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.executemany("DELETE FROM record WHERE idx = ?", [(index,) for index in indexes])


async def test_what_vanishes_is_missed_once(writer: LogWriter, reader: LogReader, tmp_path: Path) -> None:
    alarms = Alarms(KeptRecords())
    patrol = Patrol(writer, reader.source, alarms)
    await writer.append(entries(0, 1000))
    assert await patrol._find_missing() == []
    delete(tmp_path / "gate.db", 0, 255, 256, 999)
    assert await patrol._find_missing() == [0, 255, 256, 999]
    assert await patrol._find_missing() == []
    delete(tmp_path / "gate.db", 500)
    assert await patrol._find_missing() == [500]


async def test_all_that_came_since_is_gone_through_and_of_the_rest_the_newest(
    writer: LogWriter, reader: LogReader, tmp_path: Path
) -> None:
    patrol = Patrol(writer, reader.source, Alarms(KeptRecords()))
    await writer.append(entries(0, 2 * NEWEST_RECORDS))
    delete(tmp_path / "gate.db", 1, NEWEST_RECORDS)
    assert await patrol._find_missing() == [1, NEWEST_RECORDS]
    size = writer.size
    delete(tmp_path / "gate.db", 2, size - NEWEST_RECORDS, size - 1)  # the first is the verifier's to find
    assert await patrol._find_missing() == [size - NEWEST_RECORDS, size - 1]


async def test_it_sounds_the_alarm(
    writer: LogWriter, reader: LogReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patrol_module, "INTERVAL_S", 0.01)
    alarms = Alarms(KeptRecords())
    await writer.append(entries(0, 10))
    task = asyncio.create_task(Patrol(writer, reader.source, alarms).run())
    await asyncio.sleep(0.1)
    assert alarms.times() == {}
    delete(tmp_path / "gate.db", 4)
    assert await wait_until(lambda: bool(alarms.times()))
    assert alarms.times() == {AlarmName.RECORDS_MISSING: 1}
    task.cancel()


async def test_a_log_that_cannot_be_read_for_a_while(
    writer: LogWriter, reader: LogReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patrol_module, "INTERVAL_S", 0.01)
    alarms = Alarms(KeptRecords())
    await writer.append(entries(0, 10))
    task = asyncio.create_task(Patrol(writer, reader.source, alarms).run())
    await asyncio.sleep(0.1)
    assert alarms.times() == {}

    async def fail(first: int, end: int) -> list[bytes]:
        raise LogUnavailable("input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(reader.source, "fetch_leaves", fail)
        assert await wait_until(lambda: AlarmName.LOG_UNREADABLE in alarms.times())
    assert await wait_until(lambda: "log-unreadable" not in str(alarms.present()))
    task.cancel()


async def test_a_checkpoint_that_is_late(
    writer: LogWriter, reader: LogReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarms, now_s = Alarms(KeptRecords()), 1000.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now_s)
    patrol = Patrol(writer, reader.source, alarms)
    patrol.check_checkpoint()
    now_s += 10
    patrol.check_checkpoint()  # there is nothing to sign
    await writer.append(entries(0, 3))
    patrol.check_checkpoint()
    now_s += 4
    patrol.check_checkpoint()
    assert alarms.times() == {}
    now_s += 2
    patrol.check_checkpoint()
    assert alarms.times() == {AlarmName.CHECKPOINT_LATE: 1}
    await writer.sign()
    patrol.check_checkpoint()
    assert alarms.present() == []
    now_s += 3
    assert patrol.checkpoint_age_s == 3
