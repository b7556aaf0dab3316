"""The store for more than one machine: a log in a schema of a PostgreSQL database (docs/archive-format.md, 8.2)."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Self

import asyncpg

from components.archive.errors import LogBusy, LogDamaged, LogFenced, LogUnavailable
from components.archive.store import (
    Change,
    CheckpointRow,
    Rows,
)
from components.archive.store.migrations import known_migrations
from components.archive.store.postgres_connection import (
    close_connection,
    make_session_name,
    open_connection,
    postgres_errors_named,
)
from components.archive.store.postgres_source import PostgresSource, parse_log_url
from components.archive.store.postgres_statements import (
    keep_change,
    keep_checkpoints,
    load_rows,
    migrate,
    rewrite_table,
)
from components.archive.store.postgres_url import PostgresUrl

LOCK_TIMEOUT_S = 3.0
COMMIT_TIMEOUT_S = 10.0
"""How long a commit may take: a server that is gone, or waits for a standby that is, must not be waited for longer."""
_RETRY_S = 0.05
_VACUUM_TIMEOUT_S = 6 * 3600.0


class PostgresStore(PostgresSource):
    """Writes a log in PostgreSQL, as the only one who may (LogStore).

    The session holds an advisory lock: it lets one writer in, and the server frees it with the session, after what
    the session was committing. The lease's token also stops a writer whose session was ended without its knowing.
    """

    def __init__(self, url: PostgresUrl) -> None:
        super().__init__(url, "writer")
        self._token: int | None = None
        # The server's numbers of the tables: another log in their place may have the same token.
        self._tables: tuple[int, int] | None = None

    @classmethod
    async def open(cls, name: str) -> Self:
        """Lock and open `postgresql://...#log`, made or not; raises LogBusy, LogUnavailable or LogDamaged."""
        store = cls(parse_log_url(name))
        try:
            await store._connect()
            if holder := await store._lock():
                raise LogBusy(f"{store._url.label}: {holder} is writing this log; stop it first")
            if pending := await store._find_pending():
                async with store._transaction() as connection:
                    await migrate(connection, pending)
        except BaseException:
            await store.close()
            raise
        return store

    async def create(self, meta: Mapping[str, str], checkpoint: CheckpointRow) -> None:
        """See LogStore."""
        async with self._transaction() as connection:
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {self._url.schema}")
            await migrate(connection, known_migrations("postgres"))
            await connection.executemany("INSERT INTO meta VALUES ($1, $2)", list(meta.items()))
            await keep_checkpoints(connection, [checkpoint])

    async def take_lease(self) -> None:
        """See LogStore."""
        async with self._transaction(COMMIT_TIMEOUT_S) as connection:
            await connection.execute("UPDATE lease SET token = token + 1")
            # In one transaction, which holds the row: it is still ours.
            self._token, self._tables = await self._fetch_lease(connection)

    async def commit(self, change: Change) -> None:
        """See LogStore."""
        # Who destroys may have much to do.
        async with self._transaction(None if change.destroyed else COMMIT_TIMEOUT_S) as connection:
            await self._require_lease(connection)
            await keep_change(connection, change)
            # Killed before the commit that follows: nothing of it is there. Killed after: all of it is. Where the
            # connection breaks in it, `reopen` waits until the server has done the one or the other.

    def require_present(self) -> None:
        """See LogStore: the files are the server's, and each commit asks it which tables they are."""

    async def load(self, rows: Rows) -> None:
        """See LogStore."""
        async with self._transaction() as connection:
            await self._require_lease(connection)
            await load_rows(connection, rows)

    async def reopen(self) -> None:
        """See LogStore: waits for the end of the session before, whose last commit is then done or undone."""
        self._terminate()
        await self._connect()
        try:
            await self._fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = $1 AND pid <> pg_backend_pid()",
                self._name,
            )
            await self._require_token()
            if holder := await self._lock():
                await self._require_token()
                raise LogUnavailable(f"{self._url.label}: {holder} holds the log's lock")
            # The session before may have been ended while its commit waited for a standby: it is visible then, and
            # lost if the primary is. Once a later commit is on the standby, so is that one.
            async with self._transaction(COMMIT_TIMEOUT_S) as connection:
                await self._require_lease(connection)
        except BaseException:
            # A lock that was got must not stand in another's way.
            self._terminate()
            raise

    async def purge(self, *, requests_only: bool = False) -> None:
        """See LogStore: small tables move to a new file, so that nothing old stays; records are vacuumed.

        What was a payload may lie in free space of the table until it is overwritten, and in the server's
        write-ahead log and on its standbys for as long as those keep it: sealed, and without its key. On a session of
        its own, since commits must not wait for it.
        """
        with postgres_errors_named(self._url.label):
            connection = await open_connection(self._url, make_session_name("purge"))
            try:
                async with connection.transaction():
                    await self._require_lease(connection)
                    await rewrite_table(connection, "request")
                    if not requests_only:
                        await rewrite_table(connection, "segment")
                if not requests_only:
                    await connection.execute("VACUUM record", timeout=_VACUUM_TIMEOUT_S)
            finally:
                await close_connection(connection)

    async def _connect(self) -> None:
        await super()._connect()
        connection = await self._opened()
        with postgres_errors_named(self._url.label):
            # Durable when COMMIT returns, also where the server's default is to be quicker; not where it is slower.
            await connection.execute(
                "SELECT set_config('synchronous_commit', 'on', FALSE)"
                " WHERE current_setting('synchronous_commit') <> 'remote_apply'"
            )
            if await connection.fetchval("SHOW fsync") != "on":
                raise LogUnavailable(f"{self._url.label}: the server runs with fsync off; turn it on")

    async def _opened(self) -> asyncpg.Connection:
        # Never anew without `reopen`: lock and fate of the last commit would be left to chance.
        if self._connection is None or self._connection.is_closed():
            raise LogUnavailable(f"{self._url.label}: the connection broke")
        return self._connection

    def _terminate(self) -> None:
        if self._connection is not None:
            self._connection.terminate()

    @asynccontextmanager
    async def _transaction(self, limit_s: float | None = None) -> AsyncIterator[asyncpg.Connection]:
        async with self._turn:
            connection = await self._opened()
            with postgres_errors_named(self._url.label), _given_up(connection, self._url.label, limit_s):
                async with connection.transaction():
                    yield connection

    async def _lock(self) -> str:
        """Take the log's lock, waiting a little for a session that ends; return who else holds it, if anybody."""
        give_up_at_s = asyncio.get_running_loop().time() + LOCK_TIMEOUT_S
        while True:
            ((locked,),) = await self._fetch("SELECT pg_try_advisory_lock($1)", self._url.lock_key)
            if locked:
                return ""
            if asyncio.get_running_loop().time() > give_up_at_s:
                return await self._describe_holder()
            await asyncio.sleep(_RETRY_S)

    async def _describe_holder(self) -> str:
        key = self._url.lock_key & (2**64 - 1)
        rows = await self._fetch(
            "SELECT pid, coalesce(host(client_addr), 'this machine') FROM pg_locks"
            " LEFT JOIN pg_stat_activity USING (pid)"
            " WHERE locktype = 'advisory' AND classid::bigint = $1 AND objid::bigint = $2 AND objsubid = 1"
            " AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            key >> 32,
            key & 0xFFFFFFFF,
        )
        pid, address = rows[0] if rows else ("unknown", "another machine")
        return f"a writer on {address} (server process {pid})"

    async def _require_token(self) -> None:
        if await self._fetch("SELECT token FROM lease WHERE token <> $1", self._token or 0):
            raise LogFenced(f"{self._url.label}: another writer has taken over this log")

    async def _require_lease(self, connection: asyncpg.Connection) -> None:
        # Locked until the commit: who takes the lease meanwhile waits, and sees what was committed.
        token, tables = await self._fetch_lease(connection)
        if self._tables is not None and tables != self._tables:
            raise LogDamaged(
                f"{self._url.label}: the log's tables were exchanged while it was written to; restore the newest state"
            )
        if token != self._token:
            raise LogFenced(f"{self._url.label}: another writer has taken over this log")

    async def _fetch_lease(self, connection: asyncpg.Connection) -> tuple[int | None, tuple[int, int] | None]:
        """Lock the lease until the commit; returns its token, and the numbers of its table and of that of records."""
        sql = "SELECT token, tableoid, 'record'::regclass::oid FROM lease FOR SHARE"
        row = await connection.fetchrow(sql)
        return (None, None) if row is None else (row[0], (row[1], row[2]))


@contextmanager
def _given_up(connection: asyncpg.Connection, label: str, after_s: float | None) -> Iterator[None]:
    """End a connection on which a commit takes too long: its result is then unknown. Raises LogUnavailable.

    Asking the server to stop, as asyncpg does when its own limit is over, takes another answer of that server.
    """
    if after_s is None:
        yield
        return
    loop = asyncio.get_running_loop()
    timer = loop.call_later(after_s, connection.terminate)
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        if timer.when() > loop.time():
            raise
        raise LogUnavailable(
            f"{label}: no commit within {after_s:g} s: the server does not answer, or waits for a standby that is gone"
        ) from None
    finally:
        timer.cancel()
