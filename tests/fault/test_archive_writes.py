"""Each statement and each write of a commit fails: of an append, a signature, the end of a segment."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from components.archive.errors import LogUnavailable
from components.archive.head import NS_PER_SECOND
from components.archive.segment import MAX_AGE_S
from components.archive.store import sqlite_connection
from components.archive.store.sqlite import SqliteStore
from components.archive.writer import LogWriter
from tests.support.archive import open_writer
from tests.support.failing_log import BEFORE, CLASSES, FAILED, Clock, batch, count_said, payloads
from tests.support.faulty_store import FaultyStore
from tests.support.sealed_log import assert_whole, read_checkpoint_sizes, read_segments


async def execute(store: SqliteStore, sql: str) -> None:
    await store._opened().execute_fetchall(sql)


STATEMENTS = {
    "begin": (sqlite3.SQLITE_TRANSACTION, "BEGIN"),
    "lease": (sqlite3.SQLITE_READ, "lease"),
    "records": (sqlite3.SQLITE_INSERT, "record"),
    "new segment": (sqlite3.SQLITE_INSERT, "segment"),
    "ended segment": (sqlite3.SQLITE_UPDATE, "segment"),
    "memo": (sqlite3.SQLITE_INSERT, "memo"),
    "forgotten memos": (sqlite3.SQLITE_DELETE, "memo"),
    "tiles": (sqlite3.SQLITE_INSERT, "tile"),
    "checkpoint": (sqlite3.SQLITE_INSERT, "checkpoint"),
    "commit": (sqlite3.SQLITE_TRANSACTION, "COMMIT"),
}


async def deny(store: SqliteStore, statement: str) -> list[str]:
    """Let a statement fail from now on; gives a list that tells whether it was tried."""
    tried: list[str] = []

    def authorize(code: int, first: str | None, *_: object) -> int:
        if (code, first) == STATEMENTS[statement]:
            tried.append(statement)
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    await store._opened().set_authorizer(authorize)
    return tried


@pytest.mark.parametrize(
    "statement", ["begin", "lease", "records", "new segment", "memo", "forgotten memos", "commit"]
)
async def test_each_statement_of_an_append_fails(
    statement: str, store: FaultyStore, writer: LogWriter, log: Path
) -> None:
    tried = await deny(store, statement)
    size = writer.size
    with pytest.raises(LogUnavailable):
        await writer.append(batch(BEFORE, FAILED), memo=b"memo", forget_memos_before=1)
    assert tried
    assert writer.size == size
    assert await writer.recover() == size  # no segment was open that would have to end
    await writer.append(batch(BEFORE, 3))
    await writer.close()
    await assert_whole(log, payloads(BEFORE + 3))


@pytest.mark.parametrize("statement", ["begin", "lease", "tiles", "checkpoint", "commit"])
async def test_each_statement_of_a_signature_fails(
    statement: str, store: FaultyStore, writer: LogWriter, log: Path
) -> None:
    await writer.append(batch(BEFORE, FAILED))
    size, signed_size = writer.size, writer.signed_size
    tried = await deny(store, statement)
    with pytest.raises(LogUnavailable):
        await writer.sign()
    assert tried
    assert (writer.size, writer.signed_size) == (size, signed_size)
    assert await writer.recover() == size + CLASSES  # their segments ended
    assert writer.signed_size == signed_size
    await writer.sign()
    assert read_checkpoint_sizes(log)[-1] == writer.size
    await writer.append(batch(BEFORE + FAILED, 3))
    await writer.close()
    await assert_whole(log, payloads(BEFORE + FAILED + 3))


@pytest.mark.parametrize("statement", ["begin", "lease", "records", "ended segment", "commit"])
async def test_each_statement_of_a_segments_end_fails(
    statement: str, store: FaultyStore, writer: LogWriter, clock: Clock, log: Path
) -> None:
    await writer.append(batch(BEFORE, FAILED))
    clock.now_ns += MAX_AGE_S * NS_PER_SECOND
    size = writer.size
    tried = await deny(store, statement)
    with pytest.raises(LogUnavailable):
        await writer.maintain()
    assert tried
    assert writer.size == size
    await writer.maintain()
    assert writer.size == size + CLASSES
    assert None not in [segment.manifest for segment in read_segments(log)]
    await writer.append(batch(BEFORE + FAILED, 3))
    await writer.close()
    await assert_whole(log, payloads(BEFORE + FAILED + 3))


@contextmanager
def files_limited_to(size_bytes: int) -> Iterator[None]:
    """Let every write beyond `size_bytes` of a file fail, as on a disk that breaks just there."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def wal_bytes(log: Path) -> int:
    return log.with_name("gate.db-wal").stat().st_size


@pytest.mark.parametrize("beyond_bytes", [0, 1, 24, 4096, 4120, 4121, 8240, 12_360, 20_000, 40_000])
async def test_each_write_of_an_append_fails(beyond_bytes: int, writer: LogWriter, log: Path) -> None:
    await writer.append(batch(BEFORE, CLASSES))
    kept, size = BEFORE + CLASSES, writer.size
    long = [entry._replace(payload=entry.payload * 100) for entry in batch(kept, FAILED)]
    with files_limited_to(wal_bytes(log) + beyond_bytes), pytest.raises(LogUnavailable) as error:
        await writer.append(long)
    assert "record" not in str(error.value)
    assert writer.size == size
    assert await writer.recover() == size + CLASSES
    await writer.append(batch(kept, 2))
    await writer.close()
    await assert_whole(log, payloads(kept + 2))


@pytest.mark.parametrize("beyond_bytes", [0, 1, 24, 4096, 4121, 8240, 12_360, 20_000])
async def test_each_write_of_a_signature_fails(beyond_bytes: int, writer: LogWriter, log: Path) -> None:
    await writer.append(batch(BEFORE, 600))  # several tiles
    with files_limited_to(wal_bytes(log) + beyond_bytes), pytest.raises(LogUnavailable):
        await writer.sign()
    await writer.sign()
    await writer.append(batch(BEFORE + 600, 2))
    await writer.close()
    await assert_whole(log, payloads(BEFORE + 602))


@pytest.mark.parametrize("beyond_bytes", [0, 1, 4096, 4121, 8239])
async def test_each_write_of_a_segments_end_fails(
    beyond_bytes: int, writer: LogWriter, clock: Clock, log: Path
) -> None:
    await writer.append(batch(BEFORE, FAILED))
    await writer.sign()
    clock.now_ns += MAX_AGE_S * NS_PER_SECOND
    with files_limited_to(wal_bytes(log) + beyond_bytes), pytest.raises(LogUnavailable):
        await writer.maintain()
    await writer.maintain()
    assert None not in [segment.manifest for segment in read_segments(log)]
    await writer.append(batch(BEFORE + FAILED, 2))
    await writer.close()
    await assert_whole(log, payloads(BEFORE + FAILED + 2))


async def test_the_disk_is_full_for_a_while(store: FaultyStore, writer: LogWriter, log: Path) -> None:
    await execute(store, "PRAGMA max_page_count = 1")  # SQLite makes that: no page more than there are
    long = [entry._replace(payload=entry.payload * 1000) for entry in batch(BEFORE, FAILED)]
    for _ in range(3):
        with pytest.raises(LogUnavailable, match="the disk is full"):
            await writer.append(long)
        await writer.recover()
        await execute(store, "PRAGMA max_page_count = 1")
    assert count_said(log) == BEFORE
    await execute(store, "PRAGMA max_page_count = 1000000")
    await writer.append(batch(BEFORE, FAILED))
    await writer.close()
    await assert_whole(log, payloads(BEFORE + FAILED))


async def test_the_disk_is_full_when_it_signs(store: FaultyStore, writer: LogWriter, log: Path) -> None:
    """There may be no room for tiles, though the records were kept."""
    await writer.append(batch(BEFORE, 600))
    await execute(store, "PRAGMA max_page_count = 1")
    signed_size = writer.signed_size
    with pytest.raises(LogUnavailable, match="the disk is full"):
        await writer.sign()
    assert writer.signed_size == signed_size
    assert count_said(log) == BEFORE + 600
    await writer.recover()
    await execute(store, "PRAGMA max_page_count = 1000000")
    await writer.sign()
    await writer.close()
    await assert_whole(log, payloads(BEFORE + 600))


async def test_another_process_holds_the_database(
    writer: LogWriter, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writer.close()
    monkeypatch.setattr(sqlite_connection, "LOCK_TIMEOUT_S", 0.01)
    writer = await open_writer(log)
    await writer.append(batch(BEFORE, 3))
    with closing(sqlite3.connect(log, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for attempt in (
            writer.append(batch(BEFORE + 3, 1)),
            writer.sign(),
            writer.append(batch(BEFORE + 3, 1)),
        ):
            with pytest.raises(LogUnavailable, match="locked by another process"):
                await attempt
    await writer.append(batch(BEFORE + 3, 1))
    await writer.close()
    await assert_whole(log, payloads(BEFORE + 4))


async def test_closing_on_a_disk_that_writes_nothing(writer: LogWriter, log: Path) -> None:
    await writer.append(batch(BEFORE, 9))
    with files_limited_to(wal_bytes(log)), pytest.raises(LogUnavailable):
        await writer.close()
    writer = await open_writer(log)
    await writer.close()
    await assert_whole(log, payloads(BEFORE + 9))
