"""Opens the file of an index: SQLite of a build of our own choice, encrypted (docs/decisions/0200-*)."""

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
    """What the parts of the index use of a connection: no more than this, so that they need not know which SQLite."""

    def execute(self, sql: str, values: Values = (), /) -> Cursor:
        """Run one statement, or several without values."""

    def executemany(self, sql: str, values: Iterable[Values], /) -> Cursor:
        """Run a statement once for each of these."""


class Database:
    """A connection to the file of an index (see Connection); the caller begins and ends transactions itself."""

    def __init__(self, name: str, key: bytes | None = None) -> None:
        self._db = apsw.Connection(name)
        self.execute: Callable[..., Cursor] = self._db.execute
        self.executemany: Callable[[str, Iterable[Values]], Cursor] = self._db.executemany
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

    def empty_log(self) -> bool:
        """Write the write-ahead log into the file, and empty it; return False if somebody reads what it has."""
        self._db.set_busy_timeout(int(_READER_TIMEOUT_S * 1000))
        try:
            ((is_busy, _, _),) = self.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            self._db.set_busy_timeout(int(_BUSY_TIMEOUT_S * 1000))
        return not is_busy

    def count_changes(self) -> int:
        """Count the rows that this connection has changed."""
        return self._db.total_changes()

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
