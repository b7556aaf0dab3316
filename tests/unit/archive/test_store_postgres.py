"""What is PostgreSQL's own: names, sessions that end, servers that crash, what a destruction leaves."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from components.archive.errors import LogBusy, LogDamaged, LogFenced, LogUnavailable
from components.archive.reader import LogReader
from components.archive.store import Change, Destruction, SegmentRow
from components.archive.store.open import open_source, open_store, store_label
from components.archive.store.postgres_connection import postgres_errors_named
from components.archive.store.postgres_url import parse_postgres_url
from tests.support.postgres import PostgresServer, run_postgres
from tests.support.rounds import chance
from tests.support.stores import entries, make_store, open_log, records

pytestmark = pytest.mark.programs

WRITERS = (
    "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'steelyard writer%' AND datname = '{}'"
)


@pytest.fixture
def log(postgres_database: str) -> str:
    return f"{postgres_database}#gate"


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that the test may stop."""
    with run_postgres() as server:
        yield server


def end_writers(server: PostgresServer, log: str) -> None:
    database = log.rpartition("/")[2].partition("#")[0]
    server.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM ({WRITERS.format(database)}) AS writers")


@pytest.mark.parametrize(
    ("text", "dsn", "log", "label"),
    [
        (
            "postgresql://ann:secret@db.example:5433/archive#gate",
            "postgresql://ann:secret@db.example:5433/archive",
            "gate",
            "postgresql://db.example:5433/archive#gate",
        ),
        (
            "postgres://@/archive?host=/run/postgresql&password=secret#a-1_b",
            "postgres://@/archive?host=/run/postgresql&password=secret",
            "a-1_b",
            "postgresql:///archive#a-1_b",
        ),
    ],
)
def test_a_name(text: str, dsn: str, log: str, label: str) -> None:
    url = parse_postgres_url(text)
    assert (url.dsn, url.log, url.label) == (dsn, log, label)
    assert store_label(text) == label


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://db.example/archive",
        "postgresql://db.example/archive#",
        "postgresql://db.example/archive#Gate",
        'postgresql://db.example/archive#g"; DROP',
        "postgresql://db.example/archive#" + "g" * 64,
        "postgresql://db.example#gate",
        "postgresql://db.example:port/archive#gate",
        "mysql://db.example/archive#gate",
    ],
)
async def test_a_wrong_name_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="postgresql://"):
        parse_postgres_url(text)
    if text.startswith("postgresql"):
        with pytest.raises(LogUnavailable, match="postgresql://"):
            await open_source(text)


async def test_logs_of_one_database_are_apart(postgres_database: str) -> None:
    gate, audit = [await make_store(f"{postgres_database}#{name}") for name in ("gate", "audit")]
    await gate.commit(records(0, [b"said"]))
    await audit.commit(records(0, [b"looked", b"again"]))
    assert (await gate.fetch_bounds(), await audit.fetch_bounds()) == ((0, 0), (0, 1))
    await gate.close()
    await audit.close()


async def test_errors_name_the_log_and_no_secret(
    postgres_database: str, postgres_server: PostgresServer
) -> None:
    postgres_server.execute("CREATE ROLE outsider LOGIN PASSWORD 'secret'")
    await (await make_store(f"{postgres_database}#gate")).close()
    outsider = postgres_database.replace("steelyard@", "outsider:secret@")
    told = {
        f"{postgres_database}x#gate": "there is no such database",
        f"{postgres_database}#other": "there is no log of this name",
        f"{outsider}#gate": "this user may not use it",
        "postgresql://steelyard:secret@127.0.0.1:1/x#gate": "no connection",
    }
    for name, reason in told.items():
        with pytest.raises(LogUnavailable, match=reason) as caught:
            await (await open_source(name)).fetch_bounds()
        assert "secret" not in str(caught.value)
        assert str(caught.value).startswith("postgresql://127.0.0.1:")


def test_a_corrupt_database_is_damage() -> None:
    for error in (asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError):
        with pytest.raises(LogDamaged, match="corrupt"), postgres_errors_named("log"):
            raise error("quotes: a message")


async def test_a_damaged_page_is_named(own_server: PostgresServer) -> None:
    name = f"{own_server.make_database()}#gate"
    store = await make_store(name)
    await store.commit(records(0, [b"x" * 600] * 200))
    await store.close()
    file = own_server.execute("SELECT pg_relation_filepath('gate.record')", "test_1").strip()
    own_server.stop()
    path = own_server.data / file
    data = bytearray(path.read_bytes())
    data[8192 * 3 + 700] ^= 1
    path.write_bytes(data)
    own_server.start()
    source = await open_source(
        name.replace(name.split("@")[1].split("/", maxsplit=1)[0], f"127.0.0.1:{own_server.port}")
    )
    with pytest.raises(LogDamaged, match="the database is corrupt"):
        await source.fetch_rows(0, 200)
    await source.close()


async def test_who_writes_is_named(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.archive.store.postgres.LOCK_TIMEOUT_S", 0.1)
    store = await open_store(log)
    with pytest.raises(LogBusy, match=r"a writer on 127\.0\.0\.1 \(server process \d+\) is writing this log"):
        await open_store(log)
    await store.close()


async def test_a_session_that_is_ended_is_followed_by_another(
    log: str, postgres_server: PostgresServer
) -> None:
    writer = await open_log(log)
    await writer.append(entries(0, 5))
    end_writers(postgres_server, log)
    with pytest.raises(LogUnavailable):
        await writer.append(entries(5, 5))
    size = await writer.recover()
    assert await writer.append(entries(5, 5)) >= size
    await writer.close()


async def test_a_lease_lost_in_the_middle_fences_the_writer_off(
    log: str, postgres_server: PostgresServer
) -> None:
    first = await open_log(log)
    await first.append(entries(0, 5))
    end_writers(postgres_server, log)
    second = await open_log(log)  # the server freed the lock with the session
    size = second.size
    await second.append(entries(0, 3))
    with pytest.raises(LogUnavailable):
        await first.append(entries(5, 5))
    for _ in range(2):
        with pytest.raises(LogFenced, match="another writer has taken over"):
            await first.append(entries(5, 5))
    await second.append(entries(0, 3))
    await second.close()
    with pytest.raises(LogFenced):  # also when that other one is gone again
        await first.recover()
    reader = await LogReader.open(log)
    assert [stored.index for stored in await reader.fetch(size, 9)] == list(range(size, await reader.size()))
    await reader.close()


@pytest.mark.fuzz
async def test_sessions_ended_at_random_moments_lose_and_repeat_nothing(
    log: str, postgres_server: PostgresServer
) -> None:
    writer = await open_log(log)
    lives, failures = chance("sessions"), 0
    control = await asyncpg.connect(f"{log.partition('#')[0]}")
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'steelyard writer%'"
    told = 0
    for round_ in range(12):
        ending = asyncio.create_task(
            _later(lives.uniform(0, 0.02), control, f"{end} AND datname = current_database()")
        )
        while True:
            before = writer.size
            try:
                index = await writer.append(entries(told, 50))
            except LogUnavailable:
                failures += 1
                size = await writer.recover()
                kept = await _read_told(log, told, before, size)
                assert kept in (0, 50)
                told += kept
                break
            assert index >= before
            told += 50
        await ending
        assert round_ < failures
    await writer.close()
    await control.close()
    assert failures == 12


async def _later(delay_s: float, control: asyncpg.Connection, sql: str) -> None:
    await asyncio.sleep(delay_s)
    await control.execute(sql)


async def _read_told(log: str, told: int, first: int, size: int) -> int:
    """Count the stanzas that are stored from `first` on."""
    source = await open_source(log)
    rows = await source.fetch_rows(first, size)
    await source.close()
    return sum(row.leaf[1] == 1 for row in rows)


async def test_a_server_that_crashes_keeps_what_was_committed(own_server: PostgresServer) -> None:
    log = f"{own_server.make_database()}#gate"
    writer = await open_log(log)
    reader = await LogReader.open(log)
    for _ in range(20):
        await writer.append(entries(0, 100))
    await writer.sign()
    size = writer.size
    own_server.stop("immediate")
    with pytest.raises(LogUnavailable):
        await writer.append(entries(0, 100))
    with pytest.raises(LogUnavailable):
        await writer.recover()
    own_server.start()
    assert await writer.recover() >= size
    await writer.append(entries(0, 100))
    await writer.sign()
    assert await reader.size() > size  # it connects anew by itself
    await reader.close()
    await writer.close()


async def test_a_server_that_does_not_sync_is_refused(own_server: PostgresServer) -> None:
    own_server.make_database()
    own_server.execute("ALTER SYSTEM SET fsync = off")
    own_server.stop()
    own_server.options.pop("fsync")
    own_server.start()
    with pytest.raises(LogUnavailable, match="the server runs with fsync off; turn it on"):
        await open_store(f"{own_server.url('test_1')}#gate")


async def test_a_commit_is_synchronous_whatever_the_default_is(
    log: str, postgres_server: PostgresServer
) -> None:
    database = log.rpartition("/")[2].partition("#")[0]
    for default, expected in (("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")):
        postgres_server.execute(f"ALTER DATABASE {database} SET synchronous_commit = {default}")
        store = await open_store(log)
        ((found,),) = await store._fetch("SHOW synchronous_commit")  # type: ignore[attr-defined]
        assert found == expected
        await store.close()


async def test_destroyed_keys_leave_the_table_s_file(log: str, postgres_server: PostgresServer) -> None:
    database = log.rpartition("/")[2].partition("#")[0]

    def files(table: str) -> bytes:
        postgres_server.execute("CHECKPOINT", database)
        path = postgres_server.execute(f"SELECT pg_relation_filepath('gate.{table}')", database).strip()
        return (postgres_server.data / path).read_bytes()

    store = await make_store(log)
    change = records(0, [b"payload-%d" % index for index in range(100)])
    segments = [SegmentRow(number, 1, 0, 0, None, b"envelopes-%d" % number) for number in (1, 2)]
    await store.commit(Change(leaves=change.leaves, payloads=change.payloads, opened=segments))
    assert b"envelopes-1" in files("segment")
    old = await asyncpg.connect(log.partition("#")[0])
    async with old.transaction(isolation="repeatable_read"):
        await old.fetch("SELECT 1 FROM gate.meta")  # an old snapshot keeps no old keys either
        await store.commit(Change(destroyed=[Destruction(1, list(range(100)), None)]))
        await store.purge()
        assert b"envelopes-1" not in files("segment")
    assert b"envelopes-2" in files("segment")
    await old.close()
    await store.close()


def test_the_documents_name_what_is_used() -> None:
    docs = Path(__file__).parents[3] / "docs"
    assert (
        "postgresql://steelyard@db.example/archive?sslmode=verify-full#gate"
        in (docs / "settings.md").read_text()
    )


async def test_tables_that_were_exchanged_are_noticed(log: str, postgres_database: str) -> None:
    """Another log of the same token in place of the one that the writer has."""
    writer = await open_log(log)
    await writer.append(entries(0, 5))
    other = await open_log(f"{postgres_database}#other")
    await other.append(entries(0, 5))
    await other.close()
    control = await asyncpg.connect(postgres_database)
    await control.execute("ALTER SCHEMA gate RENAME TO taken; ALTER SCHEMA other RENAME TO gate")
    await control.close()
    for _ in range(2):
        with pytest.raises(LogDamaged, match="the log's tables were exchanged"):
            await writer.append(entries(5, 5))
    await writer.close()


async def test_a_table_that_was_made_anew_is_noticed(log: str, postgres_database: str) -> None:
    writer = await open_log(log)
    await writer.append(entries(0, 5))
    control = await asyncpg.connect(postgres_database)
    await control.execute(
        "SET search_path = gate; CREATE TABLE copy (LIKE record INCLUDING ALL); INSERT INTO copy TABLE record;"
        " DROP TABLE record; ALTER TABLE copy RENAME TO record"
    )
    await control.close()
    with pytest.raises(LogDamaged, match="the log's tables were exchanged"):
        await writer.append(entries(5, 5))
    await writer.close()
