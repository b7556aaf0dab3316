"""A copy of the review queue's file, also while the gate has it open, for a backup (docs/backup.md)."""

import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from components.archive.errors import LogUnavailable
from components.archive.store.sqlite_connection import sqlite_errors_named
from components.gate.review.mark import HeldMark

_ATTEMPTS = 20
_RETRY_S = 0.05


def copy_queue(path: Path, records: int) -> bytes:
    """Return the queue as a file, with the items that the gate's log has among its first `records`.

    A log that ends there does not know later items, and would give their numbers to other records. Raises
    LogUnavailable, LogDamaged, OSError.
    """
    database, journal = _read_still(path)
    if not database and not journal:
        HeldMark(path).require(0)
    # Beside the queue, and only readable for its owner, because it holds messages in the clear.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".queue-") as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(database)
        # SQLite rolls an unfinished transaction back when the copy is opened.
        copy.with_name(f"{copy.name}-journal").write_bytes(journal)
        with sqlite_errors_named(path), closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'item'").fetchone():
                sql = "DELETE FROM item WHERE json_extract(facts, '$.record') >= ?"
                connection.execute(sql, (records,))
        return copy.read_bytes()


def _read_still(path: Path) -> Sequence[bytes]:
    """Read the database and its journal as of one moment: again and again, until two readings are the same.

    No other process can open them as a database, because the gate keeps its lock.
    """
    files = (path, path.with_name(f"{path.name}-journal"))
    before: list[bytes] = []
    for _ in range(_ATTEMPTS):
        found = [file.read_bytes() if file.exists() else b"" for file in files]
        if found == before:
            return found
        before = found
        time.sleep(_RETRY_S)
    raise LogUnavailable(f"{path}: is written to all the time; try again")
