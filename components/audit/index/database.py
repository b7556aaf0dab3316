"""Opens the file of an index."""

import os
import sqlite3
import time
from pathlib import Path

from components.audit.index.functions import add_functions

_BUSY_TIMEOUT_S = 60.0
_BUSY_RETRY_S = 0.01


def open_database(path: Path) -> sqlite3.Connection:
    """Open an index's file, or create it, for its owner alone; raises sqlite3.Error."""
    # It holds the words of every message, so only its owner may read it and the files that SQLite puts beside it.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
    try:
        _write_ahead(db)
        # A crash may lose the newest transactions, which can be made from the log again. It does not damage the file.
        db.execute("PRAGMA synchronous = NORMAL")
        # Deleted data is overwritten with zeros, because it must not stay in a free page.
        db.execute("PRAGMA secure_delete = ON")
        add_functions(db)
    except BaseException:
        db.close()
        raise
    return db


def _write_ahead(db: sqlite3.Connection) -> None:
    """Allow readers beside a writer. SQLite does not wait when it sets this mode, as it does elsewhere."""
    give_up_at_s = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at_s:
                raise
            time.sleep(_BUSY_RETRY_S)
