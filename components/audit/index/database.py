"""Opens the file of an index: SQLite of a build of our own choice, encrypted (docs/decisions/0200-*)."""

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol, Self

import apsw

from components.audit.index.functions import FUNCTIONS

DatabaseError = apsw.Error
"""What every use of a connection may raise."""

Value = str | int | float | bytes | None
Values = Sequence[Value] | Mapping[str, Value]

# How a file of SQLite begins that is not encrypted, as those of earlier versions.
_CLEAR = b"SQLite format 3\0"

PAGES_PER_STEP = 500
"""How many of FTS5's pages one merging step rewrites while other searches wait."""

# Views first, then FTS5's tables, with which their own go.
_MADE_BEFORE = """
SELECT type, name FROM sqlite_schema WHERE type IN ('view', 'table') AND name NOT LIKE 'sqlite%'
ORDER BY type = 'table', sql NOT LIKE 'CREATE VIRTUAL%'
"""

_BUSY_TIMEOUT_S = 60.0
_BUSY_RETRY_S = 0.01
# Readers may take long; who finds that they do tries again later.
_READER_TIMEOUT_S = 1.0


class Cursor(Protocol):
    """The rows of a statement, in order."""

    def __iter__(self) -> Iterator[Any]:
        """Yield each row, a tuple."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""


class Connection(Protocol):
    """What the parts of the index use of a connection: no more than this, so that they need not know which store.

    Statements are written as SQLite has them; `X MATCH ?` takes an expression of FTS5 (query/matching.py).
    """

    def execute(self, sql: str, values: Values = (), /) -> Cursor:
        """Run one statement, or several without values."""

    def executemany(self, sql: str, values: Iterable[Values], /) -> object:
        """Run a statement once for each of these."""

    def stream(self, sql: str, values: Values = (), /) -> Iterable[Any]:
        """Yield the rows of a statement, within the caller's transaction, read no further than they are asked for."""

    def read_version(self) -> int:
        """Return the version of the tables; 0 if there are none yet."""

    def read_making(self) -> int:
        """Return a number of these tables, which is another one when they were made anew in this place."""

    def name_vocabulary(self, table: str, /) -> str:
        """Return the name of a table of the words (`term`) that a table of words has."""

    def list_words(self, table: str, /) -> Iterable[Any]:
        """Yield each word of a table of words with its place, its column, and where it stands there, in order."""


class Store(Connection, Protocol):
    """A connection to an index, of which the caller begins and ends transactions itself."""

    def transaction(self, mode: str, /) -> AbstractContextManager[None]:
        """Begin a transaction (DEFERRED to read, IMMEDIATE to write); commit it at the end, or roll it back."""

    def make_tables(self, definitions: Iterable[str], version: int, /) -> None:
        """Make all tables anew, empty, within the caller's transaction, by statements of SQLite."""

    def purge(self, tables: Iterable[str], /) -> bool:
        """Remove the rest of what was deleted from where words are kept; False if somebody prevents it."""

    def close(self) -> None:
        """Close it; what is not committed is rolled back."""


class Database:
    """A connection to the file of an index (see Connection); the caller begins and ends transactions itself."""

    def __init__(self, name: str, key: bytes | None = None) -> None:
        self._db = apsw.Connection(name)
        self.execute: Callable[..., Cursor] = self._db.execute
        self.executemany: Callable[[str, Iterable[Values]], object] = self._db.executemany
        self.stream: Callable[..., Cursor] = self._db.execute
        self.interrupt: Callable[[], None] = self._db.interrupt
        try:
            if key is not None:
                # As it is: a passphrase would go through PBKDF2, 20 ms for each connection, and this is random.
                self._db.pragma("key", f"raw:{key.hex()}")
            self._db.set_busy_timeout(int(_BUSY_TIMEOUT_S * 1000))
            for function, count, run in FUNCTIONS:
                self._db.create_scalar_function(function, run, count, deterministic=True)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self, mode: str) -> Iterator[None]:
        """Begin a transaction (DEFERRED to read, IMMEDIATE to write); commit it at the end, or roll it back."""
        self.execute(f"BEGIN {mode}")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    def read_version(self) -> int:
        """Return the version of the tables; 0 if there are none yet."""
        return int(self.execute("PRAGMA user_version").fetchone()[0])

    def read_making(self) -> int:
        """Return a number of these tables, which is another one when they were made anew in this file."""
        return int(self.execute("PRAGMA schema_version").fetchone()[0])

    def make_tables(self, definitions: Iterable[str], version: int) -> None:
        """Make all tables anew, empty, within the caller's transaction."""
        for kind, name in self.execute(_MADE_BEFORE).fetchall():
            self.execute(f'DROP {kind} IF EXISTS "{name}"')
        for statement in definitions:
            self.execute(statement)
        self.execute(f"PRAGMA user_version = {version}")

    def name_vocabulary(self, table: str) -> str:
        """Return the name of a table of the words (`term`) that a table of FTS5 has."""
        name = f"temp.{table}_vocabulary"
        self.execute(f"CREATE VIRTUAL TABLE IF NOT EXISTS {name} USING fts5vocab(main, {table}, row)")
        return name

    def list_words(self, table: str) -> Cursor:
        """Yield each word of a table of FTS5 with its place, its column, and where it stands there, in order."""
        name = f"temp.{table}_found"
        self.execute(f"CREATE VIRTUAL TABLE IF NOT EXISTS {name} USING fts5vocab(main, {table}, instance)")
        return self.execute(f"SELECT term, doc, col, offset FROM {name} ORDER BY term")  # noqa: S608 - constant names

    def purge(self, tables: Iterable[str]) -> bool:
        """Remove the rest of deleted rows from FTS5's pages and the write-ahead log; False if somebody reads it.

        FTS5 only marks a row as deleted until it merges. So this merges all of FTS5, a few pages at a time.
        """
        for table in tables:
            pages = -PAGES_PER_STEP  # negative: begin to merge all there is
            while True:
                before = self._db.total_changes()
                self.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('merge', ?)", (pages,))  # noqa: S608
                if (
                    self._db.total_changes() - before < 2
                ):  # FTS5's documentation says how to recognise the end
                    break
                pages = PAGES_PER_STEP
        return self._empty_log()

    def _empty_log(self) -> bool:
        """Write the write-ahead log into the file, and empty it; return False if somebody reads what it has."""
        self._db.set_busy_timeout(int(_READER_TIMEOUT_S * 1000))
        try:
            ((is_busy, _, _),) = self.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            self._db.set_busy_timeout(int(_BUSY_TIMEOUT_S * 1000))
        return not is_busy

    def close(self) -> None:
        """Close it; what is not committed is rolled back."""
        self._db.close()


def open_database(path: Path, key: bytes | None = None) -> Database:
    """Open an index's file, or create it, for its owner alone; raises DatabaseError.

    `key` encrypts it (32 bytes); without one it lies in the clear, as in tests.
    """
    # Only its owner may read it and the files that SQLite puts beside it, whatever they are worth without the key.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    db = Database(str(path), key)
    try:
        _write_ahead(db)
        # A crash may lose the newest transactions, which can be made from the log again. It does not damage the file.
        db.execute("PRAGMA synchronous = NORMAL")
        # Deleted data is overwritten with zeros, because it must not stay in a free page.
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA cache_size = -65536")
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Let no other process open this index's file, or make its key, meanwhile; raises OSError."""
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def remove_database(path: Path) -> None:
    """Remove the file of an index, and those that SQLite puts beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


_AT_FAULT: tuple[tuple[type[DatabaseError] | tuple[type[DatabaseError], ...], str], ...] = (
    ((apsw.FullError, apsw.IOError), "make room on its disk, or put that right, and try again"),
    ((apsw.BusyError, apsw.LockedError), "another process is at work on it: try again later"),
    (
        (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError),
        "see who may write to it, and to its folder",
    ),
    (apsw.NoMemError, "free some memory, and try again"),
)


def advise(error: DatabaseError) -> str:
    """Return what to do about an index's error: what is whole is not thrown away, as to make it again takes long."""
    for kinds, advice in _AT_FAULT:
        if isinstance(error, kinds):
            return advice
    return "delete it, and the next search builds it again"


def is_broken(error: DatabaseError) -> bool:
    """Return whether an error says that the file is no index, is damaged, or has another key."""
    return isinstance(error, apsw.NotADBError | apsw.CorruptError | apsw.FormatError)


def explain_broken(path: Path) -> str:
    """Return what is wrong with such a file."""
    with path.open("rb") as file:
        in_the_clear = file.read(len(_CLEAR)) == _CLEAR
    if in_the_clear:
        return "made by another version of Steelyard, or damaged"
    return "damaged, or under a key that none of the auditors' keys opens"


def _write_ahead(db: Connection) -> None:
    """Allow readers beside a writer. SQLite does not wait when it sets this mode, as it does elsewhere."""
    give_up_at_s = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL").fetchall()
            return
        except apsw.BusyError:
            if time.monotonic() > give_up_at_s:
                raise
            time.sleep(_BUSY_RETRY_S)
