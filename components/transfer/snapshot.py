"""A copy of the component's state, also while it runs, for a backup (docs/backup.md)."""

import sqlite3
from contextlib import closing
from pathlib import Path

from components.archive.store.sqlite_connection import sqlite_errors_named
from components.transfer.schema import OF_UPLOADS
from components.transfer.state import Stage


def copy_uploads(path: Path, records: int) -> bytes:
    """Return the state as a file, with the uploads whose records are among the first `records` of the log.

    A log that ends there does not know later files, so that nobody may fetch them. What is left of destroyed files is
    looked for anew: the blobs in the backup may be older. Raises LogUnavailable, LogDamaged, OSError.
    """
    with sqlite_errors_named(path):
        source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        with closing(source), closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
            source.backup(copy)
            tables = {name for (name,) in copy.execute("SELECT name FROM sqlite_schema")}
            if {"upload", "decided"} <= tables:
                copy.execute("DELETE FROM upload WHERE stage IN (?, ?)", (Stage.ISSUED, Stage.STORED))
                sql = "DELETE FROM upload WHERE id IN (SELECT id FROM decided WHERE record >= ?)"
                copy.execute(sql, (records,))
                for table in tables & set(OF_UPLOADS):
                    copy.execute(f"DELETE FROM {table} WHERE id NOT IN (SELECT id FROM upload)")  # noqa: S608
            if "finished" in tables:
                copy.execute("DELETE FROM finished")
            # Nothing of what was deleted stays in a free page.
            copy.execute("VACUUM")
            return copy.serialize()
