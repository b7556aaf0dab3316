"""What is SQLite's own: damage that is found when a log is opened, and what a destruction leaves in its files."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from components.archive.errors import LogDamaged, LogMissing
from components.archive.head import load_head
from components.archive.store import Change, Destruction, SegmentRow
from components.archive.store.open import open_source, open_store
from components.archive.store.sqlite_source import SqliteSource
from tests.support.stores import VERIFIER_KEY, make_store, open_log, records, write_batches

PAGE_BYTES = 4096


@pytest.fixture
async def log(tmp_path: Path) -> Path:
    await write_batches(tmp_path / "gate.db", (1, 2, 300, 1000))
    return tmp_path / "gate.db"


def blob(log: Path, sql: str) -> bytes:
    with closing(sqlite3.connect(log)) as database:
        (found,) = database.execute(sql).fetchone()
    return found if isinstance(found, bytes) else found.encode()


def overwrite(log: Path, place: int, content: bytes) -> None:
    data = bytearray(log.read_bytes())
    data[place : place + len(content)] = content
    log.write_bytes(data)


def flip(log: Path, part: bytes) -> None:
    """Change a bit wherever these bytes lie in the file."""
    data = log.read_bytes()
    place = data.find(part)
    assert place >= 0
    while place >= 0:
        overwrite(log, place + len(part) // 2, bytes([data[place + len(part) // 2] ^ 1]))
        place = data.find(part, place + 1)


def root_page(log: Path, table: str) -> int:
    with closing(sqlite3.connect(log)) as database:
        sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        return (int(database.execute(sql, (table,)).fetchone()[0]) - 1) * PAGE_BYTES


DAMAGES: dict[str, Callable[[Path], object]] = {
    "the last leaf": lambda log: flip(log, blob(log, "SELECT leaf FROM record ORDER BY idx DESC LIMIT 1")),
    "the last payload": lambda log: flip(
        log, blob(log, "SELECT payload FROM record ORDER BY idx DESC LIMIT 1")
    ),
    "an unfinished tile": lambda log: flip(
        log, blob(log, "SELECT substr(hashes, 1, 32) FROM tile WHERE level = 0 ORDER BY n DESC LIMIT 1")
    ),
    "the tile above": lambda log: flip(
        log, blob(log, "SELECT substr(hashes, 1, 32) FROM tile WHERE level = 1")
    ),
    "the newest checkpoint": lambda log: flip(
        log, blob(log, "SELECT note FROM checkpoint ORDER BY second DESC LIMIT 1")[-60:]
    ),
    "the file's head": lambda log: overwrite(log, 0, bytes(100)),
    "the schema": lambda log: overwrite(log, 100, bytes(200)),
    "a table's root page": lambda log: overwrite(log, root_page(log, "record"), b"\xff" * PAGE_BYTES),
    "a torn page": lambda log: overwrite(log, root_page(log, "checkpoint"), bytes(PAGE_BYTES // 2)),
    "the last page is gone": lambda log: log.write_bytes(log.read_bytes()[:-PAGE_BYTES]),
    "the second half is gone": lambda log: log.write_bytes(log.read_bytes()[: log.stat().st_size // 2]),
    "another file": lambda log: log.write_bytes(b"Dear diary, " * 1000),
}


@pytest.mark.parametrize("what", DAMAGES)
async def test_damage_is_found_when_a_log_is_opened(log: Path, what: str) -> None:
    DAMAGES[what](log)
    with pytest.raises(LogDamaged) as told:
        await open_log(log)
    assert len(str(told.value)) > 20


async def test_an_undamaged_log_opens(log: Path) -> None:
    await (await open_log(log)).close()


async def test_a_write_ahead_log_of_another_database_is_not_taken_up(log: Path) -> None:
    replace_by_another_s_wal(log)
    with pytest.raises(LogDamaged, match=r"gate\.db: is gone, but not .*gate\.db-wal"):
        await open_log(log)
    with pytest.raises(LogDamaged, match=r"gate\.db: is gone, but not .*gate\.db-wal"):
        await open_source(log)
    assert names_of(log) == ["gate.db-wal", "gate.db.lock"]


async def test_what_is_destroyed_is_nowhere_in_the_files(tmp_path: Path) -> None:
    log = tmp_path / "gate.db"
    store = await make_store(log)
    secrets = [b"payload-%03d-" % index * 40 for index in range(200)]
    segments = [SegmentRow(number, 1, 0, 0, None, b"envelopes-%d-" % number * 20) for number in (1, 2)]
    change = records(0, secrets)
    await store.commit(Change(leaves=change.leaves, payloads=change.payloads, opened=segments))
    await store.purge()
    reader = await open_source(log)
    await store.commit(
        Change(destroyed=[Destruction(1, list(range(0, 200, 2)), None), Destruction(2, [], b"other")])
    )
    await store.purge()
    held = everything_in(log)
    for index, secret in enumerate(secrets):
        assert (secret[:12] in held) == (index % 2 == 1)
    assert b"envelopes-" not in held
    await reader.close()
    await store.close()


def replace_by_another_s_wal(log: Path) -> None:
    log.with_name("gate.db-wal").write_bytes(b"x" * 32)
    log.unlink()


def names_of(log: Path) -> list[str]:
    return sorted(file.name for file in log.parent.iterdir())


def everything_in(log: Path) -> bytes:
    return b"".join(file.read_bytes() for file in log.parent.iterdir() if file.name.startswith(log.name))


async def test_a_text_where_a_blob_belongs_is_read_as_bytes(log: Path) -> None:
    with closing(sqlite3.connect(log)) as database, database:
        database.execute("UPDATE memo SET note = 'a text'")
        database.execute("UPDATE segment SET keys = 'a text'")
    source = await SqliteSource.open(log)
    assert {memo.note for memo in await source.fetch_memos(9)} == {b"a text"}
    assert {row.keys for row in await source.fetch_segments()} == {b"a text"}
    await load_head(source, VERIFIER_KEY)
    await source.close()


@pytest.mark.slow
async def test_opening_the_log_again_keeps_the_locks_of_before(log: Path) -> None:
    """Closing any descriptor of a file drops the POSIX locks that this process has on it."""
    writer = await open_log(log)
    for _ in range(3):
        source = await open_source(log)
        await source.close()
    store = None
    with pytest.raises(Exception, match="writing this log"):
        store = await open_store(log)
    assert store is None
    with closing(sqlite3.connect(log)) as database, pytest.raises(sqlite3.OperationalError, match="locked"):
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute(
            "PRAGMA journal_mode = DELETE"
        )  # only the last one who has it open may leave WAL mode
    await writer.close()


async def test_a_file_in_which_nobody_has_begun_a_log_is_no_log(tmp_path: Path) -> None:
    path = tmp_path / "gate.db"
    with pytest.raises(LogMissing, match="there is no log"):
        await SqliteSource.open(path)
    path.touch()
    with pytest.raises(LogMissing, match="nobody has begun it"):
        await SqliteSource.open(path)


async def test_a_log_that_is_there_is_asked_once_whether_it_is(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question goes to another thread and back: a search opens every log of its site."""
    asked: list[str] = []
    fetch = SqliteSource._fetch

    async def counted(source: SqliteSource, sql: str, *given: Sequence[object]) -> list[Any]:
        asked.append(sql)
        return await fetch(source, sql, *given)

    monkeypatch.setattr(SqliteSource, "_fetch", counted)
    source = await SqliteSource.open(log)
    assert (await source.fetch_meta())["origin"]
    await source.close()
    assert sum("sqlite_schema" in sql for sql in asked) == 1
