"""Appends that fail: at every point, really and as if, and each time the log goes on whole."""

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from components.archive.errors import LogDamaged, LogUnavailable
from components.archive.reader import LogReader
from components.archive.store import Batch
from components.archive.store import connection as sqlite_connection
from components.archive.store.sqlite import SqliteSource, SqliteStore
from components.archive.writer import LogWriter
from components.audit.verify import verify_log
from tests.support.archive import KEY, ORIGIN, VKEY, entries, open_writer, ticking, write_log

BEFORE = 300
FAILED = 77


class FaultyStore(SqliteStore):
    """A store whose next append or reopening fails, before it did anything or after it did all."""

    fail_before_append = fail_after_append = fail_reopen = False
    turns_around_append = 0  # of the event loop, as a store on another machine needs them
    exchanged_for: Path | None = None

    async def append(self, batch: Batch) -> None:
        if self.fail_before_append:
            raise LogUnavailable("failed before anything was written")
        await self._wait()
        await super().append(batch)
        await self._wait()
        if self.fail_after_append:
            raise LogUnavailable("the answer was lost")

    async def _wait(self) -> None:
        for _ in range(self.turns_around_append):
            await asyncio.sleep(0)

    async def reopen(self) -> None:
        if self.fail_reopen:
            raise LogUnavailable("still no disk")
        if self.exchanged_for:
            await SqliteSource.close(self)
            self.exchanged_for.replace(self._path)
            self.exchanged_for = None
        await super().reopen()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[FaultyStore]:
    store = await FaultyStore.open(await write_log(tmp_path / "gate.db", (BEFORE,)))
    yield store
    await store.close()


@pytest.fixture
async def writer(store: FaultyStore) -> LogWriter:
    times = ticking()
    return await LogWriter.open_on(store, ORIGIN, KEY, lambda: next(times))


async def assert_whole(path: Path, size: int) -> None:
    """The log verifies, and holds each record once and in order."""
    report = verify_log(path, VKEY)
    assert (report.problems, report.size) == ((), size)
    reader = await LogReader.open(path)
    payloads = [record.payload for record in await reader.fetch(0, size + 1)]
    await reader.close()
    assert payloads == [payload for _, payload in entries(0, size)]


async def execute(store: SqliteStore, sql: str) -> None:
    await store._opened().execute_fetchall(sql)


@pytest.mark.parametrize(
    ("action", "name"),
    [
        (sqlite3.SQLITE_TRANSACTION, "BEGIN"),
        (sqlite3.SQLITE_INSERT, "record"),
        (sqlite3.SQLITE_INSERT, "tile"),
        (sqlite3.SQLITE_INSERT, "checkpoint"),
        (sqlite3.SQLITE_TRANSACTION, "COMMIT"),
    ],
)
async def test_each_statement_fails(
    action: int, name: str, store: FaultyStore, writer: LogWriter, tmp_path: Path
) -> None:
    def deny(code: int, first: str | None, *_: object) -> int:
        return sqlite3.SQLITE_DENY if (code, first) == (action, name) else sqlite3.SQLITE_OK

    await store._opened().set_authorizer(deny)
    with pytest.raises(LogUnavailable):
        await writer.append(entries(BEFORE, FAILED))
    assert writer.size == BEFORE
    assert await writer.recover() == BEFORE
    assert await writer.append(entries(BEFORE, 3)) == BEFORE
    await writer.close()
    await assert_whole(tmp_path / "gate.db", BEFORE + 3)


@contextmanager
def files_limited_to(size_bytes: int) -> Iterator[None]:
    """Let every write beyond `size_bytes` of a file fail, as on a disk that breaks just there."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("beyond_bytes", [0, 1, 24, 4096, 4120, 4121, 8240, 12_360, 20_000, 40_000])
async def test_each_write_fails(beyond_bytes: int, writer: LogWriter, tmp_path: Path) -> None:
    await writer.append(entries(BEFORE, 1))
    write_ahead = (tmp_path / "gate.db-wal").stat().st_size
    kept = BEFORE + 1
    with files_limited_to(write_ahead + beyond_bytes), pytest.raises(LogUnavailable) as error:
        await writer.append([(kind, payload * 100) for kind, payload in entries(kept, FAILED)])
    assert "record" not in str(error.value)
    assert writer.size == kept
    assert await writer.recover() == kept
    assert await writer.append(entries(kept, 2)) == kept
    await writer.close()
    await assert_whole(tmp_path / "gate.db", kept + 2)


async def test_the_disk_is_full_for_a_while(store: FaultyStore, writer: LogWriter, tmp_path: Path) -> None:
    await execute(store, "PRAGMA max_page_count = 1")  # SQLite makes that: no page more than there are
    for _ in range(3):
        with pytest.raises(LogUnavailable, match="the disk is full"):
            await writer.append([(kind, payload * 1000) for kind, payload in entries(BEFORE, FAILED)])
        assert await writer.recover() == BEFORE
        await execute(store, "PRAGMA max_page_count = 1")
    await execute(store, "PRAGMA max_page_count = 1000000")
    assert await writer.append(entries(BEFORE, FAILED)) == BEFORE
    await writer.close()
    await assert_whole(tmp_path / "gate.db", BEFORE + FAILED)


async def test_another_process_holds_the_database(
    writer: LogWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writer.close()
    monkeypatch.setattr(sqlite_connection, "LOCK_TIMEOUT_S", 0.01)
    writer = await open_writer(tmp_path / "gate.db")
    with closing(sqlite3.connect(tmp_path / "gate.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogUnavailable, match="locked by another process"):
            await writer.append(entries(BEFORE, 1))
    assert await writer.recover() == BEFORE
    assert await writer.append(entries(BEFORE, 1)) == BEFORE
    await writer.close()
    await assert_whole(tmp_path / "gate.db", BEFORE + 1)


async def test_it_failed_but_is_there(store: FaultyStore, writer: LogWriter, tmp_path: Path) -> None:
    store.fail_after_append = True
    with pytest.raises(LogUnavailable):
        await writer.append(entries(BEFORE, FAILED))
    assert writer.size == BEFORE  # nothing is claimed that is not known
    store.fail_after_append = False
    assert await writer.recover() == BEFORE + FAILED
    assert await writer.recover() == BEFORE + FAILED
    assert await writer.append(entries(BEFORE + FAILED, 2)) == BEFORE + FAILED
    await writer.close()
    await assert_whole(tmp_path / "gate.db", BEFORE + FAILED + 2)


@pytest.mark.parametrize("is_there", [False, True])
async def test_an_append_without_recovering_first_cannot_fork(
    is_there: bool, store: FaultyStore, writer: LogWriter, tmp_path: Path
) -> None:
    store.fail_before_append, store.fail_after_append = not is_there, is_there
    with pytest.raises(LogUnavailable):
        await writer.append(entries(BEFORE, FAILED))
    store.fail_before_append = store.fail_after_append = False
    size = BEFORE + FAILED * is_there
    assert await writer.append(entries(size, 5)) == size
    await writer.close()
    await assert_whole(tmp_path / "gate.db", size + 5)


async def test_the_disk_stays_away(store: FaultyStore, writer: LogWriter, tmp_path: Path) -> None:
    store.fail_after_append = store.fail_reopen = True
    for _ in range(2):
        with pytest.raises(LogUnavailable):
            await writer.append(entries(BEFORE, FAILED))
        with pytest.raises(LogUnavailable):
            await writer.recover()
    store.fail_after_append = store.fail_reopen = False
    assert await writer.recover() == BEFORE + FAILED  # the first; the second was never tried
    await writer.close()
    await assert_whole(tmp_path / "gate.db", BEFORE + FAILED)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8])
async def test_an_append_that_is_cancelled(
    turns: int, store: FaultyStore, writer: LogWriter, tmp_path: Path
) -> None:
    store.turns_around_append = 5
    appending = asyncio.create_task(writer.append(entries(BEFORE, FAILED)))
    for _ in range(turns):
        await asyncio.sleep(0)
    appending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await appending
    size = await writer.recover()
    assert size == (BEFORE + FAILED if turns > store.turns_around_append else BEFORE)
    assert await writer.append(entries(size, 4)) == size
    await writer.close()
    await assert_whole(tmp_path / "gate.db", size + 4)


async def test_a_log_that_was_exchanged_is_not_continued(
    store: FaultyStore, writer: LogWriter, tmp_path: Path
) -> None:
    store.fail_before_append = True
    store.exchanged_for = await write_log(tmp_path / "other.db", (BEFORE - 1, 1))  # same size, other times
    with pytest.raises(LogUnavailable):
        await writer.append(entries(BEFORE, FAILED))
    store.fail_before_append = False
    with pytest.raises(LogDamaged, match="another log"):
        await writer.recover()
    with pytest.raises(LogDamaged, match="another log"):
        await writer.append(entries(BEFORE, 1))


async def test_making_a_log_fails_and_is_repeated(tmp_path: Path) -> None:
    class Unmade(SqliteStore):
        async def create(self, meta: object, checkpoint: object) -> None:
            raise LogUnavailable("no")

    with pytest.raises(LogUnavailable):
        await LogWriter.open_on(await Unmade.open(tmp_path / "gate.db"), ORIGIN, KEY)
    writer = await open_writer(tmp_path / "gate.db")
    assert writer.size == 0
    await writer.close()
    assert verify_log(tmp_path / "gate.db", VKEY).ok
