"""The embedded store: one SQLite database per log (docs/archive-format.md, section 8)."""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from components.archive.durable import GROUP_READS, PRIVATE, may_group_read
from components.archive.errors import LogBusy, LogFenced, LogUnavailable
from components.archive.store import (
    Change,
    CheckpointRow,
    Rows,
)
from components.archive.store.migrations import known_migrations
from components.archive.store.open_files import OpenFiles
from components.archive.store.sqlite_connection import (
    Statement,
    name_error,
    open_connection,
    sqlite_errors_named,
)
from components.archive.store.sqlite_source import SqliteSource, require_nothing_left
from components.archive.store.sqlite_statements import (
    change_statements,
    checkpoint_statement,
    load_statements,
    migration_statements,
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


class SqliteStore(SqliteSource):
    """Writes a log's database, as the only one who may (LogStore)."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lock: int | None = None
        self._token = 0
        # Known from the lease on: before, the files are still being made.
        self._files: OpenFiles | None = None

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
        self._files = OpenFiles(self._path)

    async def commit(self, change: Change) -> None:
        """See LogStore."""
        self._transact(change_statements(change), self._require_lease)
        # Behind the commit, or the file could go before it: what is told as recorded is in the file of this name.
        if self._files is not None:
            self._files.require_same_soon()

    def require_present(self) -> None:
        """See LogStore."""
        if self._files is not None:
            self._files.require_same()

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
        if self._files is not None and self._connection is not None:
            self._files.require_same()
        # A connection that fails to close is gone all the same.
        with suppress(LogUnavailable):
            await super().close()
        await self._connect()
        if self._files is not None:
            # Whoever closed the database last took the files beside it along.
            self._files = self._files.reopened()

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


def _make_file(path: Path) -> None:
    """Make an empty database, unless there is one; raises LogDamaged, LogUnavailable.

    Only its owner may read it, and its group where the folder is the group's: auditors' processes, which are another
    user there.

    SQLite gives the files beside it the same mode. A file that exists is not touched: closing a second descriptor
    of it would drop the locks of whatever else in this process reads it.
    """
    if not path.exists():
        require_nothing_left(path)
    try:
        mode = GROUP_READS if may_group_read(path.parent) else PRIVATE
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode))
    except FileExistsError:
        return
    except OSError as error:
        raise LogUnavailable(f"{path}: cannot be made ({error.strerror})") from error
