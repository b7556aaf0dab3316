"""SQLite connections as a log needs them, and what their errors mean."""

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import aiosqlite

from components.archive.errors import LogDamaged, LogUnavailable

LOCK_TIMEOUT_S = 1.0
CACHED_STATEMENTS = 64

# At level DEBUG aiosqlite logs every call with its parameters: the messages themselves.
logging.getLogger("aiosqlite").setLevel(logging.INFO)

Statement = tuple[str, Sequence[object]]

_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_BUSY: "the database is locked by another process",
    sqlite3.SQLITE_LOCKED: "the database is locked",
    sqlite3.SQLITE_IOERR: "input/output error",
    sqlite3.SQLITE_READONLY: "the database is read-only",
    sqlite3.SQLITE_CANTOPEN: "the database cannot be opened",
    sqlite3.SQLITE_NOMEM: "out of memory",
}
_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Connection(aiosqlite.Connection):
    """An aiosqlite connection that commits on the calling thread (docs/decisions/0006).

    Whoever appends can do nothing for anybody before the commit, so there is nothing to gain from waiting for it on
    another thread, and two thread switches to lose.
    """

    async def open(self) -> None:
        """Start the thread and connect; raises sqlite3.Error."""
        try:
            await self
        except sqlite3.Error:
            # The thread has been told to stop; it would answer to an event loop that may be closed by then.
            self._thread.join()
            raise

    def empty_log(self) -> bool:
        """Copy the rest of the write-ahead log back and cut it to nothing; returns False when somebody is in the way.

        On the calling thread, like commits: so none of them can be what is in the way. Blocks for the disk.
        """
        (busy, *_pages) = self._conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def transact(
        self, statements: Sequence[Statement], require: Callable[[sqlite3.Connection], None] | None
    ) -> None:
        """Execute all statements, durably, or none; the fate is unknown when this raises. Blocks for the disk.

        `require` is called within the transaction, before anything is changed, and may raise.
        """
        connection = self._conn
        execute = connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            if require is not None:
                require(connection)
            for sql, parameters in statements:
                execute(sql, parameters)
            # Killed before this: nothing of it is there after a restart. Killed after: all of it is.
            execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            raise


async def open_connection(path: Path, mode: str, pragmas: Sequence[str] = ()) -> Connection:
    """Open an existing database, `mode` being `ro` or `rw`; raises sqlite3.Error."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,  # transactions are ours to begin
            timeout=LOCK_TIMEOUT_S,
            cached_statements=CACHED_STATEMENTS,
            check_same_thread=False,  # SQLite itself lets one thread in at a time
        )

    connection = Connection(connect, iter_chunk_size=64)
    await connection.open()
    try:
        for pragma in pragmas:
            await connection.execute_fetchall(f"PRAGMA {pragma}")
    except BaseException:
        with suppress(sqlite3.Error):
            await connection.close()
        raise
    return connection


@contextmanager
def sqlite_errors_named(path: Path) -> Iterator[None]:
    """Turn sqlite3.Error into LogUnavailable or, for a corrupt database, LogDamaged, with a reason."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise name_error(path, error) from error


def name_error(path: Path, error: sqlite3.Error | UnicodeDecodeError) -> LogUnavailable | LogDamaged:
    """Return LogUnavailable or, for a corrupt database, LogDamaged, with a reason."""
    if isinstance(error, UnicodeDecodeError):  # SQLite's message quotes damaged bytes
        return LogDamaged(f"{path}: a corrupt database")
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    primary = code & 0xFF  # the higher bits say which input/output error it was
    if primary in _CORRUPT:
        return LogDamaged(f"{path}: not a database, or a corrupt one")
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return LogUnavailable(f"{path}: {_REASONS.get(primary, 'database error')} ({name})")
