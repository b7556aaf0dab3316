"""Which files the records of a copied log refer to, which of them were asked for, and which must go."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.archive.durable import PRIVATE_FOLDER, make_folder
from components.archive.follow.files import FileMark
from components.archive.follow.files_source import parse_any, read_mark
from components.archive.store import LogSource

_CHUNK_RECORDS = 4096
_FIRST_PAUSE_S = 15.0
_LONGEST_PAUSE_S = 3600.0
_NONE = -1

# `record` is the newest record of the file that is not destroyed, `gone` the newest that is; `asked` is the record up
# to which all that was named is here. With another layout the file is made anew.
_TABLES = """
CREATE TABLE IF NOT EXISTS file (
  class INTEGER, mark BLOB, record INTEGER DEFAULT -1, gone INTEGER DEFAULT -1, asked INTEGER DEFAULT -1,
  kept INTEGER DEFAULT 0, left_out INTEGER DEFAULT 0, wanted INTEGER DEFAULT 0, due_s REAL DEFAULT 0,
  pause_s REAL DEFAULT 0, fault TEXT DEFAULT '', PRIMARY KEY (class, mark)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS newest ON file (record);
"""


@dataclass(frozen=True, slots=True)
class WantedFile:
    """A file to ask for by a record that refers to it; `is_asked_for` if a person wants it, however large it is."""

    mark: FileMark
    record: int
    is_asked_for: bool


@dataclass(frozen=True, slots=True)
class FileCounts:
    """How many files are here, are to come, and are left out because they are large; and the newest with a fault."""

    here: int
    waiting: int
    left_out: int
    faulty: int
    faults: Sequence[str]


NO_FILES = FileCounts(0, 0, 0, 0, ())


class ReferredFiles:
    """What a log says of files, worked out from its leaves; the SQLite database `path` only saves asking again."""

    def __init__(self, path: Path) -> None:
        make_folder(path.parent, PRIVATE_FOLDER)
        try:
            self._database = _open(path)
        except sqlite3.DatabaseError:
            # After a power failure, or made by another version: nothing is in it that cannot be found out again.
            for file in path.parent.glob(f"{path.name}*"):
                file.unlink()
            self._database = _open(path)
        self._next = 0

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def note_kept(self, marks: Iterable[FileMark]) -> None:
        """Note what is here, when nothing is known yet: what was asked for and is not here is asked for again."""
        for mark in marks:
            self._change(mark, "kept = 1")
        self._database.execute("UPDATE file SET asked = -1 WHERE NOT kept")

    def begin_again(self) -> None:
        """Have the next call of `catch_up` read all records: some were destroyed."""
        self._database.execute("UPDATE file SET record = -1, gone = -1")
        self._next = 0

    async def catch_up(self, source: LogSource) -> bool:
        """Read the records that came since the last call, and return whether there were any; raises LogError."""
        newest = await source.fetch_newest_checkpoint()
        end = newest.size if newest else 0
        begun = self._next
        while self._next < end:
            stop = min(self._next + _CHUNK_RECORDS, end)
            leaves = [parse_any(leaf) for leaf in await source.fetch_leaves(self._next, stop)]
            marked = [(leaf.index, mark) for leaf in leaves if (mark := read_mark(leaf)) is not None]
            gone = set(await source.fetch_destroyed(self._next, stop)) if marked else set()
            with _transaction(self._database):
                for index, mark in marked:
                    self._add(mark, "gone" if index in gone else "record", index)
            self._next = stop
        return self._next > begun

    def find_next(self, now_s: float) -> WantedFile | None:
        """Return the newest file that is to be asked for now: what somebody waits for, and then what is new."""
        row = self._database.execute(
            "SELECT class, mark, record, wanted FROM file WHERE record > asked AND due_s <= ?"
            " ORDER BY wanted DESC, record DESC LIMIT 1",
            (now_s,),
        ).fetchone()
        return WantedFile(FileMark(row[0], row[1]), row[2], bool(row[3])) if row else None

    def find_gone(self) -> Iterator[tuple[FileMark, int]]:
        """Yield the files all of whose records are destroyed, with the index of one of these."""
        rows = self._database.execute("SELECT class, mark, gone FROM file WHERE record = -1 AND gone >= 0")
        for retention_class, mark, gone in rows.fetchall():
            yield FileMark(retention_class, mark), gone

    def forget(self, mark: FileMark) -> None:
        """Forget a file that was destroyed."""
        self._database.execute(
            "DELETE FROM file WHERE class = ? AND mark = ?", (mark.retention_class, mark.mark)
        )

    def note_settled(self, wanted: WantedFile, *, left_out: bool) -> None:
        """Note that all is here that a record names, or that it is left out because it is large."""
        changed = "asked = ?, kept = NOT ?, left_out = ?, wanted = 0, fault = '', pause_s = 0, due_s = 0"
        self._change(wanted.mark, changed, wanted.record, left_out, left_out)

    def note_failed(self, wanted: WantedFile, fault: str, now_s: float) -> bool:
        """Note why a file did not come, and ask for it later; return whether that is another fault than before."""
        before, last_s = self._find(wanted.mark, "fault, pause_s") or ("", 0.0)
        pause_s = min(_LONGEST_PAUSE_S, max(_FIRST_PAUSE_S, 2 * last_s))
        self._change(wanted.mark, "fault = ?, pause_s = ?, due_s = ?", fault, pause_s, now_s + pause_s)
        return bool(before != fault)

    def put_off(self, wanted: WantedFile, now_s: float) -> None:
        """Ask for a file a little later: nothing is wrong with it that is known."""
        self._change(wanted.mark, "due_s = ?", now_s + _FIRST_PAUSE_S)

    def want(self, mark: FileMark) -> None:
        """Have a file asked for before all others, however large it is."""
        self._change(mark, "wanted = 1, asked = -1, left_out = 0, due_s = 0, fault = ''")

    def find_state(self, mark: FileMark) -> tuple[bool, str]:
        """Return whether a file is here whole, and why it is not if that is known."""
        row = self._find(mark, "kept AND asked >= record, fault")
        return (bool(row[0]), str(row[1])) if row else (False, "")

    def is_live(self, mark: FileMark) -> bool:
        """Return whether a record refers to a file that is not destroyed."""
        row = self._find(mark, "record")
        return row is not None and row[0] != _NONE

    def count(self, name_record: Callable[[int], str], most_faults: int = 5) -> FileCounts:
        """Count the files; `name_record` names a record by its index."""
        here, waiting, left_out, faulty = self._database.execute(
            "SELECT coalesce(sum(kept AND asked >= record), 0), coalesce(sum(record > asked), 0),"
            " coalesce(sum(left_out AND asked >= record), 0), coalesce(sum(fault != '' AND record > asked), 0)"
            " FROM file WHERE record >= 0"
        ).fetchone()
        rows = self._database.execute(
            "SELECT record, fault FROM file WHERE fault != '' AND record > asked ORDER BY record DESC LIMIT ?",
            (most_faults,),
        )
        return FileCounts(
            here, waiting, left_out, faulty, [f"{name_record(record)}: {fault}" for record, fault in rows]
        )

    def _add(self, mark: FileMark, column: str, index: int) -> None:
        self._change(mark, f"{column} = max({column}, ?)", index)

    def _change(self, mark: FileMark, changed: str, *values: object) -> None:
        place = (mark.retention_class, mark.mark)
        self._database.execute("INSERT OR IGNORE INTO file (class, mark) VALUES (?, ?)", place)
        # Not what anybody sends: the columns are named here.
        self._database.execute(f"UPDATE file SET {changed} WHERE class = ? AND mark = ?", (*values, *place))  # noqa: S608

    def _find(self, mark: FileMark, columns: str) -> tuple[Any, ...] | None:
        sql = f"SELECT {columns} FROM file WHERE class = ? AND mark = ?"  # noqa: S608 - as above
        row: tuple[Any, ...] | None = self._database.execute(
            sql, (mark.retention_class, mark.mark)
        ).fetchone()
        return row


def _open(path: Path) -> sqlite3.Connection:
    """Open the database, and leave in it only what was asked for; raises sqlite3.DatabaseError if it is damaged."""
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = OFF")
        database.executescript(_TABLES)
        if database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("damaged")
        # What was left out may be small enough by now: the settings say.
        database.execute(
            "UPDATE file SET record = -1, gone = -1, kept = 0, left_out = 0, due_s = 0, pause_s = 0"
        )
    except BaseException:
        database.close()
        raise
    return database


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")
