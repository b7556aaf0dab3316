"""The writer's notes about its batches: kept with them, found again after a crash, forgotten when told."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from components.archive.errors import LogUnavailable
from components.archive.reader import LogReader
from components.archive.store.sqlite import SqliteStore
from components.archive.writer import LogWriter
from tests.support.archive import RECIPIENTS, SIGNER, entries, open_writer, ticking
from tests.support.faulty_store import FaultyStore, always
from tests.support.sealed_log import assert_whole


async def read_memos(path: Path, limit: int = 99, before: int = 2**62) -> list[tuple[int, bytes]]:
    reader = await LogReader.open(path)
    memos = await reader.fetch_memos(limit, before)
    await reader.close()
    return [(memo.first, memo.note) for memo in memos]


async def test_the_newest_come_first(tmp_path: Path) -> None:
    log = tmp_path / "gate.db"
    writer = await open_writer(log)
    firsts = [await writer.append(entries(0, count), memo=b"memo %d" % count) for count in (1, 2, 3)]
    await writer.append(entries(0, 1))  # without one
    assert firsts == [1, 2, 4]
    assert await read_memos(log) == [(4, b"memo 3"), (2, b"memo 2"), (1, b"memo 1")]
    assert await read_memos(log, limit=2) == [(4, b"memo 3"), (2, b"memo 2")]
    assert await read_memos(log, before=4) == [(2, b"memo 2"), (1, b"memo 1")]
    assert await read_memos(log, limit=1, before=2) == [(1, b"memo 1")]
    assert await read_memos(log, limit=0) == []
    await writer.close()
    assert len(await read_memos(log)) == 3


async def test_they_are_forgotten_when_told(tmp_path: Path) -> None:
    log = tmp_path / "gate.db"
    writer = await open_writer(log)
    for count in (1, 2, 3):
        await writer.append(entries(0, count), memo=b"memo %d" % count)
    await writer.append(entries(0, 1), forget_memos_before=2)
    assert [first for first, _ in await read_memos(log)] == [4, 2]
    await writer.append(entries(0, 1), memo=b"new", forget_memos_before=writer.size)
    assert await read_memos(log) == [(8, b"new")]  # its own stays
    await writer.append(entries(0, 1), forget_memos_before=writer.size)
    assert await read_memos(log) == []
    await writer.close()
    await assert_whole(log, [entry.payload for count in (1, 2, 3, 1, 1, 1) for entry in entries(0, count)])


async def test_the_pages_of_a_forgotten_one_are_taken_in_the_same_commit(tmp_path: Path) -> None:
    log = tmp_path / "gate.db"
    writer = await open_writer(log)
    await writer.append(entries(0, 1), memo=bytes(20_000))
    with closing(sqlite3.connect(log)) as connection:
        for _ in range(3):
            await writer.append(entries(0, 1), memo=bytes(20_000), forget_memos_before=writer.size)
            assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
    await writer.close()


async def test_they_survive_a_kill(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    first = await writer.append(entries(0, 3), memo=b"nobody was told")
    assert isinstance(writer._store, SqliteStore)
    await writer._store.close()
    writer = await open_writer(tmp_path / "gate.db")
    assert await read_memos(tmp_path / "gate.db") == [(first, b"nobody was told")]
    await writer.close()


@pytest.mark.parametrize("kept", [False, True])
async def test_they_tell_what_became_of_a_batch(kept: bool, tmp_path: Path) -> None:
    store, times = await FaultyStore.open(tmp_path / "gate.db"), ticking()
    writer = await LogWriter.open_on(store, SIGNER, RECIPIENTS, lambda: next(times))
    before = await writer.append(entries(0, 3), memo=b"before")
    store.fail_before, store.fail_after = (None, always) if kept else (always, None)
    with pytest.raises(LogUnavailable):
        await writer.append(entries(3, 2), memo=b"in doubt", forget_memos_before=writer.size)
    store.heal()
    await writer.recover()
    expected = [(4, b"in doubt")] if kept else [(before, b"before")]
    assert await read_memos(tmp_path / "gate.db") == expected
    await writer.close()
    await assert_whole(tmp_path / "gate.db", [entry.payload for entry in entries(0, 5 if kept else 3)])


async def test_they_are_no_part_of_what_is_proved(tmp_path: Path) -> None:
    for path, memo in ((tmp_path / "with.db", b"memo"), (tmp_path / "without.db", b"")):
        writer = await open_writer(path)
        assert await writer.append(entries(0, 3), memo=memo) == 1
        assert writer.size == 4
        await writer.close()
        await assert_whole(path, [entry.payload for entry in entries(0, 3)])
