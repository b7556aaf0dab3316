"""A log in PostgreSQL with a primary and a standby: which server is written to, and what a commit waits for."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from components.archive.errors import LogUnavailable
from components.archive.reader import LogReader
from components.archive.store.open import (
    find_standby_problem,
    open_source,
    parse_private_name,
    store_label,
)
from components.archive.store.postgres_connection import postgres_errors_named
from components.archive.store.postgres_url import parse_postgres_url
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.postgres_standby import Pair, run_pair
from tests.support.process import PATIENCE_S
from tests.support.stores import entries, make_store, open_log, records

SEVERAL = "postgresql://ann:secret@db1.example:5433,db2.example/archive?sslmode=verify-full#gate"


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A primary with a synchronous standby, which the test may end."""
    with run_pair() as pair:
        yield pair


def test_each_of_several_servers_has_a_name_of_its_own() -> None:
    url = parse_postgres_url(SEVERAL)
    assert dict(url.servers) == {
        "db1.example:5433": "postgresql://ann:secret@db1.example:5433/archive?sslmode=verify-full",
        "db2.example": "postgresql://ann:secret@db2.example/archive?sslmode=verify-full",
    }
    assert store_label(SEVERAL) == "postgresql://db1.example:5433,db2.example/archive#gate"
    assert (url.names_password, url.options) == (True, {"target_session_attrs": "read-write"})


def test_a_single_server_may_be_a_standby_that_is_read() -> None:
    url = parse_postgres_url("postgresql://db1.example/archive#gate")
    assert (len(url.servers), url.options) == (1, {})


@pytest.mark.parametrize(
    "hosts", ["db1.example,", ",db1.example", "db1.example:5432,db2.example:no", "db1.example,:5432"]
)
def test_a_wrong_list_says_what_to_write(hosts: str) -> None:
    with pytest.raises(ValueError, match="a comma between the hosts"):
        parse_postgres_url(f"postgresql://{hosts}/archive#gate")


@pytest.mark.parametrize(
    ("hosts", "is_refused"),
    [
        ("127.0.0.1:5432,localhost:5433", False),
        ("127.0.0.1,db2.example", True),
        ("db1.example,localhost", True),
    ],
)
def test_one_of_them_on_another_machine_is_enough_to_want_its_certificate(
    hosts: str, is_refused: bool
) -> None:
    assert parse_postgres_url(f"postgresql://{hosts}/archive#gate").crosses_network_unverified is is_refused


def test_settings_take_several(tmp_path: Path) -> None:
    name = SEVERAL.replace(":secret", "")
    assert parse_private_name(name, tmp_path) == name


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (TimeoutError(), "the server does not answer"),
        (ConnectionRefusedError(111, "Connection refused"), r"no connection \(Connection refused\)"),
        (asyncpg.TargetServerAttributeNotMatched("none"), r"takes no changes \(is it a standby\?\)"),
        (asyncpg.CannotConnectNowError("starting"), "the server stopped"),
        (asyncpg.InterfaceError("closed"), r"not usable \(InterfaceError\)"),
    ],
)
def test_what_is_wrong_at_a_server_is_said(error: Exception, meaning: str) -> None:
    with pytest.raises(LogUnavailable, match=f"^log: .*{meaning}"), postgres_errors_named("log"):
        raise error


@pytest.mark.slow
@pytest.mark.programs
async def test_a_frozen_primary_is_left_and_what_was_committed_is_at_the_standby(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = f"{pair.url}#gate"
    writer = await open_log(log)
    assert await find_standby_problem(log) == ""
    await writer.append(entries(0, 5), memo=b"the first five")
    size = writer.size
    behind = await open_source(log)
    # A commit has little time only while none can be: on a busy machine it takes some. Servers have more: one answers.
    monkeypatch.setattr("components.archive.store.postgres.COMMIT_TIMEOUT_S", 0.5)
    monkeypatch.setattr("components.archive.store.postgres_connection.SERVER_TIMEOUT_S", 2.0)
    pair.primary.freeze()
    async with asyncio.timeout(PATIENCE_S):
        await behind.close()  # nobody who stops waits for it
    with pytest.raises(LogUnavailable, match="no commit within"):
        await writer.append(entries(5, 5))
    # Nobody has promoted the standby yet: each server is named with what is wrong there.
    first, second = (f"127.0.0.1:{server.port}" for server in (pair.primary, pair.standby))
    with pytest.raises(LogUnavailable, match=f"{first}: the server does not answer; {second}: .*standby"):
        await writer.recover()
    monkeypatch.setattr("components.archive.store.postgres.COMMIT_TIMEOUT_S", PATIENCE_S)
    pair.standby.promote()
    assert await writer.recover() >= size
    assert [memo.note for memo in await writer.fetch_memos(9)] == [b"the first five"]
    pair.primary.thaw()  # and has not heard of anything: a writer does not go back by itself
    await writer.append(entries(5, 5))
    await writer.close()
    # The promoted one has no standby yet, and is asked first: the old one has not ended.
    alone = log.replace(f"{first},{second}", f"{second},{second}")
    assert "waits for no standby" in await find_standby_problem(alone)
    reader = await LogReader.open(log.replace(f"{first},", ""))
    assert (await reader.source.fetch_bounds() or (0, 0))[1] + 1 >= size + 5
    await reader.close()


@pytest.mark.slow
async def test_what_waits_for_a_standby_that_is_gone_is_not_durable(
    postgres_server: PostgresServer, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is on the primary's disk, and visible there once its session was ended; no standby has it."""
    monkeypatch.setattr("components.archive.store.postgres.COMMIT_TIMEOUT_S", 0.5)
    log = f"{postgres_database}#gate"
    store = await make_store(log)
    async with waiting_for_a_standby(postgres_server):
        with pytest.raises(LogUnavailable, match="waits for a standby that is gone"):
            await store.commit(records(0, [b"said"]))
        with pytest.raises(LogUnavailable, match="waits for a standby that is gone"):
            await store.reopen()
        source = await open_source(log)
        assert await source.find_standby_problem() == ""  # type: ignore[attr-defined]
        assert await source.fetch_bounds() == (0, 0)  # and nobody was told that it is there
        await source.close()
    await store.reopen()
    assert await store.fetch_bounds() == (0, 0)
    assert "waits for no standby" in await store.find_standby_problem()  # type: ignore[attr-defined]
    await store.close()


async def test_a_writer_reads_its_memos_where_it_writes_also_once_that_has_ended(
    postgres_server: PostgresServer, postgres_database: str
) -> None:
    writer = await open_log(f"{postgres_database}#gate")
    await writer.append(entries(0, 1), memo=b"the first")
    database = postgres_database.rpartition("/")[2]
    postgres_server.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        f" WHERE application_name LIKE 'steelyard writer%' AND datname = '{database}'"
    )
    with pytest.raises(LogUnavailable):
        await writer.fetch_memos(9)
    assert [memo.note for memo in await writer.fetch_memos(9)] == [b"the first"]
    await writer.close()


@asynccontextmanager
async def waiting_for_a_standby(server: PostgresServer) -> AsyncIterator[None]:
    """Have all commits wait for a standby that is not there."""
    server.execute("ALTER SYSTEM SET synchronous_standby_names = 'gone'")
    server.execute("SELECT pg_reload_conf()")
    # The server's processes take that up one after the other, and until then a commit waits for nobody.
    commit = _commit(server)
    async with asyncio.timeout(PATIENCE_S):
        while (
            server.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'").strip()
            == "0"
        ):
            if commit.done():
                commit = _commit(server)
            await asyncio.sleep(0.01)
    try:
        yield
    finally:
        # This is no transaction, and waits for nobody.
        server.execute("ALTER SYSTEM RESET synchronous_standby_names")
        server.execute("SELECT pg_reload_conf()")
        await commit
        await _commit(server)


def _commit(server: PostgresServer) -> asyncio.Task[str]:
    """Begin a transaction that writes, and commit it."""
    return asyncio.create_task(
        asyncio.to_thread(server.execute, "SELECT pg_logical_emit_message(true, 'test', '')")
    )


@pytest.mark.programs
async def test_several_servers_none_of_which_is_there_are_all_named() -> None:
    ports = [free_port(), free_port()]
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    with pytest.raises(LogUnavailable, match=rf"{ports[0]}: no connection .*; .*{ports[1]}: no connection"):
        await open_source(f"postgresql://steelyard:secret@{hosts}/archive#gate")


async def test_a_log_that_names_no_standby_has_no_problem_with_one(tmp_path: Path) -> None:
    assert await find_standby_problem(tmp_path / "gate.db") == ""
    assert await find_standby_problem("postgresql://127.0.0.1:1/archive#gate") == ""  # which nobody asks
