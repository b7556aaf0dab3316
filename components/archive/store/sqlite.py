"""The embedded store: one SQLite database per log (docs/archive-format.md, section 8)."""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from components.archive.errors import LogBusy, LogDamaged, LogFenced, LogMissing, LogUnavailable
from components.archive.log.tile import TileId
from components.archive.store import (
    FORMAT,
    Change,
    CheckpointRow,
    MemoRow,
    RecordRow,
    RequestRow,
    Rows,
    SegmentRow,
)
from components.archive.store.connection import (
    Connection,
    Statement,
    name_error,
    open_connection,
    sqlite_errors_named,
)
from components.archive.store.migrations import Migration, find_pending, known_migrations
from components.archive.store.sqlite_statements import (
    MAX_ROWS_PER_STATEMENT,
    change_statements,
    checkpoint_statement,
    load_statements,
    migration_statements,
)

__all__ = ["MAX_ROWS_PER_STATEMENT", "SCHEMA", "WAL_PAGES", "SqliteSource", "SqliteStore"]

SCHEMA = tuple(
    statement
    for migration in known_migrations("sqlite")
    for statement in migration.statements()
    if statement.startswith("CREATE")
)

# SQLite copies the write-ahead log into the database within a commit, so its length decides how often that
# happens and how long it takes. Measured: with 1,000 pages (4 MB) it costs a few milliseconds at one commit in
# two hundred; 4,000 stall for tens of milliseconds, 250 write the same pages more often and gain nothing. A file
# that is soon reused also needs no new blocks, which halves its fdatasync.
WAL_PAGES = 1000
# What is deleted is overwritten with zeros: a destroyed payload must not stay in a free page.
WRITER_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    f"wal_autocheckpoint = {WAL_PAGES}",
    "secure_delete = ON",
)
PURGE_PRAGMAS = ("busy_timeout = 0", "synchronous = FULL")
# Most readers are there for a moment.
PURGE_ATTEMPTS = 10
PURGE_RETRY_S = 0.02
_SELECT_SEGMENTS = "SELECT number, class, first, opened_at_ns, manifest, CAST(keys AS BLOB) FROM segment"


class SqliteSource:
    """Reads a log's database, also while its writer runs (LogSource).

    Everything is cast to what it should be, since a hand that tampers may leave a text where a blob belongs.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: Connection | None = None

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open for reading only; raises LogMissing if there is no database, LogUnavailable, LogDamaged."""
        source = cls(path)
        try:
            _require_file(path)
            await source._connect()
            if await source._find_pending():
                raise LogUnavailable(
                    f"{path}: made by an older version; its writer updates it when it starts"
                )
        except BaseException:
            await source.close()
            raise
        return source

    async def fetch_meta(self) -> Mapping[str, str]:
        """See LogSource."""
        made = await self._fetch("SELECT 1 FROM sqlite_schema WHERE name = 'meta'")
        rows = await self._fetch("SELECT key, CAST(value AS BLOB) FROM meta") if made else []
        return {key: str(value, "utf-8", "replace") for key, value in rows}

    async def fetch_newest_checkpoint(self) -> CheckpointRow | None:
        """See LogSource."""
        sql = "SELECT second, size, CAST(note AS BLOB) FROM checkpoint ORDER BY second DESC LIMIT 1"
        for second, size, note in await self._fetch(sql):
            return CheckpointRow(second, size, str(note, "utf-8", "replace"))
        return None

    async def fetch_checkpoints(self, size: int, limit: int) -> list[CheckpointRow]:
        """See LogSource."""
        sql = (
            "SELECT second, size, CAST(note AS BLOB) FROM checkpoint WHERE size >= ?"
            " ORDER BY size, second LIMIT ?"
        )
        rows = await self._fetch(sql, (size, limit))
        return [CheckpointRow(second, count, str(note, "utf-8", "replace")) for second, count, note in rows]

    async def fetch_checkpoints_after(self, second: int, limit: int) -> list[CheckpointRow]:
        """See LogSource."""
        sql = (
            "SELECT second, size, CAST(note AS BLOB) FROM checkpoint WHERE second > ? ORDER BY second LIMIT ?"
        )
        rows = await self._fetch(sql, (second, limit))
        return [CheckpointRow(second, count, str(note, "utf-8", "replace")) for second, count, note in rows]

    async def fetch_bounds(self) -> tuple[int, int] | None:
        """See LogSource."""
        # Each its own search from an edge of the tree; in one SELECT they would be a scan.
        rows = await self._fetch("SELECT (SELECT min(idx) FROM record), (SELECT max(idx) FROM record)")
        lowest, highest = rows[0]
        return None if lowest is None else (lowest, highest)

    async def fetch_rows(self, first: int, end: int) -> list[RecordRow]:
        """See LogSource."""
        sql = (
            "SELECT idx, CAST(leaf AS BLOB), CAST(payload AS BLOB) FROM record"
            " WHERE idx >= ? AND idx < ? ORDER BY idx"
        )
        return [RecordRow(*row) for row in await self._fetch(sql, (first, end))]

    async def fetch_leaves(self, first: int, end: int) -> list[bytes]:
        """See LogSource."""
        sql = "SELECT CAST(leaf AS BLOB) FROM record WHERE idx >= ? AND idx < ? ORDER BY idx"
        return [leaf for (leaf,) in await self._fetch(sql, (first, end))]

    async def fetch_destroyed(self, first: int, end: int) -> list[int]:
        """See LogSource."""
        sql = "SELECT idx FROM record WHERE idx >= ? AND idx < ? AND payload IS NULL ORDER BY idx"
        return [index for (index,) in await self._fetch(sql, (first, end))]

    async def fetch_tiles(self, ids: Iterable[TileId]) -> dict[TileId, bytes]:
        """See LogSource."""
        wanted = list(ids)
        # One search each; SQLite would scan the table for `(level, n) IN (VALUES ...)`.
        where = " OR ".join(["level = ? AND n = ?"] * len(wanted)) or "FALSE"
        sql = f"SELECT level, n, CAST(hashes AS BLOB) FROM tile WHERE {where}"  # noqa: S608 - only ?
        rows = await self._fetch(sql, [part for tile in wanted for part in tile])
        return {TileId(level, n): hashes for level, n, hashes in rows}

    async def fetch_segments(self, first: int = 1, end: int = 2**62) -> list[SegmentRow]:
        """See LogSource."""
        sql = f"{_SELECT_SEGMENTS} WHERE number >= ? AND number < ? ORDER BY number"
        return [SegmentRow(*row) for row in await self._fetch(sql, (first, end))]

    async def fetch_open_segments(self) -> list[SegmentRow]:
        """See LogSource."""
        # Whatever is open is among the newest: a writer closes what it finds open when it starts.
        sql = f"{_SELECT_SEGMENTS} WHERE manifest IS NULL ORDER BY number"
        return [SegmentRow(*row) for row in await self._fetch(sql)]

    async def fetch_last_segment(self) -> int:
        """See LogSource."""
        return int((await self._fetch("SELECT coalesce(max(number), 0) FROM segment"))[0][0])

    async def fetch_memos(self, limit: int, before: int = 2**62) -> list[MemoRow]:
        """See LogSource."""
        sql = "SELECT first, CAST(note AS BLOB) FROM memo WHERE first < ? ORDER BY first DESC LIMIT ?"
        return [MemoRow(*row) for row in await self._fetch(sql, (before, limit))]

    async def fetch_requests(self) -> list[RequestRow]:
        """See LogSource."""
        sql = "SELECT id, CAST(body AS BLOB), CAST(answer AS TEXT) FROM request ORDER BY number"
        return [RequestRow(*row) for row in await self._fetch(sql)]

    async def close(self) -> None:
        """See LogSource."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with sqlite_errors_named(self._path):
                await connection.close()

    async def _connect(self) -> None:
        with sqlite_errors_named(self._path):
            self._connection = await open_connection(self._path, "ro")

    async def _find_pending(self) -> tuple[Migration, ...]:
        """Return the migrations that are to be applied: all to a new database; raises LogDamaged."""
        known = known_migrations("sqlite")
        tables = {name for (name,) in await self._fetch("SELECT name FROM sqlite_schema")}
        if "meta" not in tables:
            return ()  # nobody made the log yet
        if "migration" not in tables:
            if (await self.fetch_meta()).get("format") == FORMAT:
                raise LogDamaged(f"{self._path}: it does not say which migrations made its tables")
            return ()  # of another format, which is for the caller to refuse
        rows = await self._fetch("SELECT number, CAST(sha256 AS TEXT) FROM migration")
        return find_pending(known, dict(rows), str(self._path))

    async def _fetch(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        with sqlite_errors_named(self._path):
            return list(await self._opened().execute_fetchall(sql, parameters))

    def _opened(self) -> Connection:
        if self._connection is None:
            raise LogUnavailable(f"{self._path}: the database is not open")
        return self._connection


class SqliteStore(SqliteSource):
    """Writes a log's database, as the only one who may (LogStore)."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lock: int | None = None
        self._token = 0

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Lock and open, making the file if there is none; raises LogBusy, LogUnavailable or LogDamaged."""
        store = cls(path)
        store._lock = _lock_file(path)
        try:
            _make_file(path)
            await store._connect()
            for migration in await store._find_pending():
                store._transact(list(migration_statements(migration)))
        except BaseException:
            await store.close()
            raise
        return store

    async def create(self, meta: Mapping[str, str], checkpoint: CheckpointRow) -> None:
        """See LogStore."""
        statements = [each for one in known_migrations("sqlite") for each in migration_statements(one)]
        statements += [("INSERT INTO meta VALUES (?, ?)", entry) for entry in meta.items()]
        self._transact([*statements, checkpoint_statement(checkpoint)])

    async def take_lease(self) -> None:
        """See LogStore; the lock lets one process in, the lease also outlives a lock file that was deleted."""
        # One statement, or two writers at once could end up with the same token.
        self._token = (await self._fetch("UPDATE lease SET token = token + 1 RETURNING token"))[0][0]

    async def commit(self, change: Change) -> None:
        """See LogStore."""
        self._transact(change_statements(change), self._require_lease)

    async def load(self, rows: Rows) -> None:
        """See LogStore."""
        self._transact(list(load_statements(rows)), self._require_lease)

    async def purge(self, *, requests_only: bool = False) -> None:
        """See LogStore: copy the write-ahead log, which holds both, into the database and cut it to nothing.

        On a connection of its own, which does not wait: the next commit would have to, too.
        """
        with sqlite_errors_named(self._path):
            connection = await open_connection(self._path, "rw", PURGE_PRAGMAS)
            try:
                for _ in range(PURGE_ATTEMPTS):
                    # What can be copied while commits go on, before the rest that they wait for.
                    await connection.execute_fetchall("PRAGMA wal_checkpoint(PASSIVE)")
                    if connection.empty_log():
                        return
                    await asyncio.sleep(PURGE_RETRY_S)
            finally:
                await connection.close()
        raise LogUnavailable(f"{self._path}: a reader keeps the write-ahead log from being emptied")

    async def reopen(self) -> None:
        """See LogStore."""
        with suppress(LogUnavailable):  # a connection that fails to close is gone all the same
            await super().close()
        await self._connect()

    async def close(self) -> None:
        """Close, and let the next writer in."""
        try:
            await super().close()
        finally:
            lock, self._lock = self._lock, None
            if lock is not None:
                os.close(lock)

    async def _connect(self) -> None:
        with sqlite_errors_named(self._path):
            self._connection = await open_connection(self._path, "rw", WRITER_PRAGMAS)

    def _transact(
        self,
        statements: Sequence[Statement],
        require: Callable[[sqlite3.Connection], None] | None = None,
    ) -> None:
        """Execute all statements or none; `require` may raise before anything is changed."""
        connection = self._opened()
        try:
            connection.transact(statements, require)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise name_error(self._path, error) from error

    def _require_lease(self, connection: sqlite3.Connection) -> None:
        if connection.execute("SELECT token FROM lease").fetchone() != (self._token,):
            raise LogFenced(f"{self._path}: another writer has taken over this log")


def _lock_file(path: Path) -> int:
    """Lock `<path>.lock`, which names the holder's pid; the kernel unlocks it when the holder dies."""
    lock_path = path.with_name(path.name + ".lock")
    try:
        lock = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise LogUnavailable(f"{lock_path}: cannot be opened ({error.strerror})") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.truncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
    except BlockingIOError:
        holder = os.pread(lock, 32, 0).decode(errors="replace") or "unknown"
        os.close(lock)
        raise LogBusy(f"{path}: process {holder} is writing this log; stop it first") from None
    except OSError as error:
        os.close(lock)
        raise LogUnavailable(f"{lock_path}: cannot be locked ({error.strerror})") from error
    return lock


def _require_file(path: Path) -> None:
    if not path.exists():
        raise LogMissing(f"{path}: there is no log")


def _make_file(path: Path) -> None:
    """Make an empty database that only its owner may read, unless there is one; raises LogDamaged, LogUnavailable.

    SQLite gives the files beside it the same mode. A file that exists is not touched: closing a second descriptor
    of it would drop the locks of whatever else in this process reads it.
    """
    left = path.with_name(f"{path.name}-wal")
    if not path.exists() and left.exists():  # SQLite would take it for the new database's
        raise LogDamaged(f"{path}: is gone, but not {left}; put it back, or move {left} away, too")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise LogUnavailable(f"{path}: cannot be made ({error.strerror})") from error
