"""A store's tables are made by numbered migrations, and a log says which."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from components.archive.errors import LogDamaged, LogUnavailable
from components.archive.store import Change, Destruction
from components.archive.store.migrations import Migration, find_pending, known_migrations
from components.archive.store.open import StoreName, open_source, open_store
from tests.support.postgres import PostgresServer
from tests.support.stores import make_store, records

Execute = Callable[[str], None]


@pytest.fixture
def execute(store_name: StoreName, request: pytest.FixtureRequest) -> Execute:
    """Change the log behind its back."""

    def in_sqlite(sql: str) -> None:
        with closing(sqlite3.connect(store_name)) as database, database:
            database.execute(sql)

    def in_postgres(sql: str) -> None:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        database = str(store_name).rpartition("/")[2].partition("#")[0]
        server.execute(f"SET search_path = gate; {sql}", database)

    return in_sqlite if isinstance(store_name, Path) else in_postgres


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_they_are_numbered_without_gap(dialect: str) -> None:
    known = known_migrations(dialect)
    assert [migration.number for migration in known] == list(range(1, len(known) + 1))
    assert all(migration.sql.endswith(";\n") for migration in known)


def test_a_released_migration_never_changes() -> None:
    """Add the next one instead."""
    released = {
        "sqlite": [
            "fc4b09c9ea1dea034d0a6d1f28e47f96ff812c97d72f8957968566bf3b0fb2db",
            "e48cab8fc8776f0cee1b7c8f40e2982b8da3d85508e3538a96a344216f17cd4f",
        ],
        "postgres": [
            "aa646b415cc73a7e1fdb014ab3b3bbcb84dd50a92c7b04acc5aa22083b7e7b97",
            "382f640216d50a63f2c5ca30fcde54b228f24aee58987951b6f4b840958ed05d",
        ],
    }
    for dialect, hashes in released.items():
        assert [migration.sha256 for migration in known_migrations(dialect)][: len(hashes)] == hashes


def test_statements_are_told_apart() -> None:
    migration = Migration(
        1, "-- A; comment\nCREATE TABLE a (\n  b TEXT DEFAULT 'x;y'\n);\nINSERT INTO a VALUES (';');\n"
    )
    assert list(migration.statements()) == [
        "CREATE TABLE a (  b TEXT DEFAULT 'x;y')",
        "INSERT INTO a VALUES (';')",
    ]


def test_what_is_pending() -> None:
    known = (Migration(1, "one;"), Migration(2, "two;"))
    assert find_pending(known, {}, "log") == known
    assert find_pending(known, {1: known[0].sha256}, "log") == known[1:]
    assert find_pending(known, {1: known[0].sha256, 2: known[1].sha256}, "log") == ()
    with pytest.raises(LogDamaged, match="not made by migration 1"):
        find_pending(known, {1: known[1].sha256}, "log")
    with pytest.raises(LogDamaged, match="not made by migration 1"):
        find_pending(known, {2: known[1].sha256}, "log")


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("UPDATE migration SET sha256 = 'altered'", r"not made by migration 1 as it is here"),
        ("INSERT INTO migration VALUES (99, 'of the future')", r"made by a newer version"),
        ("DROP TABLE migration", r"does not say which migrations"),
    ],
)
async def test_a_log_of_other_migrations_is_refused(
    store_name: StoreName, execute: Execute, sql: str, problem: str
) -> None:
    await (await make_store(store_name)).close()
    execute(sql)
    for open_ in (open_store, open_source):
        with pytest.raises(LogDamaged, match=problem):
            await open_(store_name)


async def test_a_new_migration_is_applied_by_the_writer(
    store_name: StoreName, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await make_store(store_name)
    await store.commit(records(0, [b"older"]))
    await store.close()
    kind = "sqlite" if isinstance(store_name, Path) else "postgres"
    more = Migration(
        len(known_migrations(kind)) + 1,
        "CREATE TABLE added (number INTEGER);\nINSERT INTO added VALUES (5);\n",
    )
    monkeypatch.setattr(
        f"components.archive.store.{kind}_source.known_migrations",
        lambda dialect: (*known_migrations(dialect), more),
    )
    with pytest.raises(LogUnavailable, match="made by an older version; its writer updates it"):
        await open_source(store_name)
    store = await open_store(store_name)
    execute("INSERT INTO added VALUES (6)")
    await store.close()
    source = await open_source(store_name)
    assert [row.payload for row in await source.fetch_rows(0, 9)] == [b"older"]
    await source.close()


async def test_a_migration_that_fails_changes_nothing(
    store_name: StoreName, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await make_store(store_name)).close()
    kind = "sqlite" if isinstance(store_name, Path) else "postgres"
    more = Migration(2, "CREATE TABLE added (number INTEGER);\nINSERT INTO nothing VALUES (5);\n")
    with monkeypatch.context() as patch:
        patch.setattr(
            f"components.archive.store.{kind}_source.known_migrations",
            lambda dialect: (*known_migrations(dialect), more),
        )
        with pytest.raises(LogUnavailable):
            await open_store(store_name)
    store = await open_store(store_name)
    await store.take_lease()
    await store.commit(records(0, [b"goes on"]))
    await store.close()


async def test_a_reader_does_without_the_index_of_what_is_destroyed(
    store_name: StoreName, execute: Execute
) -> None:
    store = await make_store(store_name)
    await store.commit(records(0, [b"0", b"1", b"2"]))
    await store.commit(Change(destroyed=[Destruction(1, [1], None)]))
    await store.close()
    execute("DROP INDEX destroyed")
    execute("DELETE FROM migration WHERE number = 4")
    source = await open_source(store_name)
    assert await source.fetch_destroyed(0, 3) == [1]
    await source.close()


async def test_the_index_of_what_is_destroyed_is_used(tmp_path: Path) -> None:
    """Without it each search reads every record of the log."""
    await (await make_store(tmp_path / "gate.db")).close()
    sql = "SELECT idx FROM record WHERE idx >= 0 AND idx < 9 AND payload IS NULL ORDER BY idx"
    with closing(sqlite3.connect(tmp_path / "gate.db")) as database:
        plan = [row[-1] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert plan == ["SEARCH record USING INDEX destroyed (idx>? AND idx<?)"]
