"""What an export has collected so far, on disk: a stopped export goes on from it, and memory holds little of it.

It lies in the export's own folder, which only its owner can read, and is removed when the export is complete. What it
deletes is gone from the file's bytes.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from components.audit.export.format import Format, Shelf, Shelved
from components.audit.export.message import ACTS, Entry, ExportMessage, may_act
from components.audit.export.spool_rows import Rows
from components.audit.export.spool_shelves import measure_shelf, read_shelf, read_shelves
from components.audit.export.spooled import decode_message, hash_alias
from components.audit.export.text import clean_unicode
from components.audit.index.logs import IndexedLog

# `place` is that of a record in the index (index/logs.py). `named` has whose
# each JID was; `held` the order in which a format tells messages;
# `alias` the ids by which later messages name a message, `effect` what was done to it. `gone` are files that an order
# destroyed after they were written. `file` has the finished files of the format.
_SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE matched (place INTEGER PRIMARY KEY);
CREATE TABLE message (
    place INTEGER PRIMARY KEY, record TEXT NOT NULL, sender TEXT NOT NULL, data BLOB NOT NULL,
    target INTEGER, answers INTEGER, is_acted_on INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE left_out (place INTEGER PRIMARY KEY, record TEXT NOT NULL, why TEXT NOT NULL);
CREATE TABLE alias (id BLOB NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (id, place)) WITHOUT ROWID;
CREATE TABLE effect (target INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (target, place)) WITHOUT ROWID;
CREATE TABLE shelf (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL
);
CREATE TABLE person (shelf INTEGER NOT NULL, jid TEXT NOT NULL, PRIMARY KEY (shelf, jid)) WITHOUT ROWID;
CREATE TABLE named (shelf INTEGER NOT NULL, jid TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (shelf, jid, name));
CREATE TABLE held (
    shelf INTEGER NOT NULL, at_ns INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (shelf, at_ns, place)
) WITHOUT ROWID;
CREATE TABLE attached (path TEXT NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (path, place)) WITHOUT ROWID;
CREATE TABLE gone (path TEXT PRIMARY KEY);
CREATE TABLE file (path TEXT PRIMARY KEY);
"""
_HELD = """
SELECT held.shelf, message.place, message.data, message.is_acted_on, target.record, answered.record
FROM held JOIN message USING (place)
LEFT JOIN message AS target ON target.place = message.target
LEFT JOIN message AS answered ON answered.place = message.answers
ORDER BY held.shelf, held.at_ns, held.place
"""
_EFFECTS = "SELECT data FROM effect JOIN message USING (place) WHERE effect.target = ? ORDER BY place"
_NAMED = "SELECT place, sender FROM alias JOIN message USING (place) WHERE id = ? AND place < ? ORDER BY place DESC"

_COUNTS = """
SELECT (SELECT count(*) FROM matched), (SELECT count(*) FROM message), (SELECT count(*) FROM left_out)
"""

NOT_CARRIED = "not carried by this format"


@dataclass(frozen=True, slots=True)
class Collected:
    """A record that was collected; `message` is None where it is left out, for the reason `why`."""

    place: int
    record: str
    message: ExportMessage | None
    why: str = ""


class Spool:
    """What an export has collected; one export at a time has it open."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._rows = Rows()
        # What an order destroyed meanwhile has to be gone; and a crash of the machine leaves whole transactions.
        self._db.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON"
        )
        # A stop, or a disk that was full, may have left it without a table.
        if not self._db.execute("SELECT 1 FROM sqlite_schema").fetchone():
            path.chmod(0o600)
            with self.change():
                for statement in _SCHEMA.strip().split(";\n"):
                    self._db.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        """Change it in one transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def get(self, key: str) -> str:
        """Return what is noted under a key, or nothing."""
        row = self._db.execute("SELECT value FROM about WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    def note(self, key: str, value: str) -> None:
        """Note a value, within the caller's transaction."""
        self._db.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (key, value))

    def add_matched(self, places: Iterable[int]) -> None:
        """Add the places of what matched, within the caller's transaction."""
        self._db.executemany("INSERT INTO matched VALUES (?)", ((place,) for place in places))

    def matched(self) -> Iterator[int]:
        """Yield the places of what matched, log by log, in the order of each."""
        return (place for (place,) in self._db.execute("SELECT place FROM matched ORDER BY place"))

    def places_after(self, place: int, count: int) -> list[int]:
        """Return the next places that are to be collected."""
        sql = "SELECT place FROM matched WHERE place > ? ORDER BY place LIMIT ?"
        return [found for (found,) in self._db.execute(sql, (place, count))]

    def last_collected(self) -> int:
        """Return the last place that was collected, one before all places if none was."""
        sql = "SELECT max(place) FROM (SELECT max(place) AS place FROM message UNION SELECT max(place) FROM left_out)"
        (last,) = self._db.execute(sql).fetchone()
        return min(IndexedLog).place(0) - 1 if last is None else int(last)

    def add(self, collected: Iterable[Collected], format_: Format) -> None:
        """Add records in the order of their places, within the caller's transaction."""
        for each in collected:
            shelves = format_.shelves(each.message) if each.message else ()
            if each.message is None or not shelves:
                self._leave_out(each.place, each.record, each.why or NOT_CARRIED)
            else:
                self._add_message(each.place, each.message, shelves)
        self._rows.store(self._db)

    def _leave_out(self, place: int, record: str, why: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO left_out VALUES (?, ?, ?)", (place, record, why))

    def _add_message(self, place: int, message: ExportMessage, shelves: tuple[str, ...]) -> None:
        target = self._find_target(place, message)
        answers = self._find_named(place, message, message.reply_to)
        self._rows.add(place, message, target, answers)
        for name in shelves:
            self._rows.put_on_shelf(clean_unicode(name), place, message)

    def _find_target(self, place: int, message: ExportMessage) -> int | None:
        """Find the record that an act is done to: the newest before it with that id that it may act on."""
        return self._find_named(place, message, message.target) if message.mark in ACTS else None

    def _find_named(self, place: int, message: ExportMessage, id_: str) -> int | None:
        if not id_:
            return None
        alias = hash_alias(message.conversation, id_)
        if self._rows.has(alias):
            self._rows.store(self._db)
        for found, sender in self._db.execute(_NAMED, (alias, place)):
            if may_act(message, sender):
                return int(found)
        return None

    def count(self) -> tuple[int, int, int]:
        """Return how many records matched, are in the export, and are left out."""
        matched, exported, left_out = self._db.execute(_COUNTS).fetchone()
        return int(matched), int(exported), int(left_out)

    def count_left_out(self) -> dict[str, int]:
        """Return how many records are left out for each reason."""
        return dict(self._db.execute("SELECT why, count(*) FROM left_out GROUP BY why ORDER BY why"))

    def left_out(self) -> Iterator[tuple[str, str]]:
        """Yield the ids of the records that are left out, and why, in order."""
        yield from self._db.execute("SELECT record, why FROM left_out ORDER BY place")

    def read(self) -> Iterator[Shelved]:
        """Yield all messages, shelf by shelf, each in the order of their times."""
        gone = self.gone()
        shelf: Shelf | None = None
        for number, place, data, is_acted_on, target, answers in self._db.execute(_HELD):
            if shelf is None or shelf.number != number:
                shelf = read_shelf(self._db, number)
            acts = self._db.execute(_EFFECTS, (place,)) if is_acted_on else ()
            effects = tuple(decode_message(act, gone) for (act,) in acts)
            yield Shelved(shelf, Entry(decode_message(data, gone), effects, target or "", answers or ""))

    def shelves(self) -> Iterator[Shelf]:
        """Yield all shelves that have messages, in order."""
        return read_shelves(self._db)

    def remove(self, place: int, why: str) -> None:
        """Take out a message that was collected, within the caller's transaction; what only it had goes, too."""
        row = self._db.execute("SELECT record FROM message WHERE place = ?", (place,)).fetchone()
        if row is None:
            return
        shelves = self._db.execute("SELECT shelf FROM held WHERE place = ?", (place,)).fetchall()
        self._leave_out(place, row[0], why)
        for table in ("message", "alias", "effect", "held"):
            self._db.execute(f"DELETE FROM {table} WHERE place = ?", (place,))  # noqa: S608 - constant
        self._db.execute("DELETE FROM effect WHERE target = ?", (place,))
        for (path,) in self._db.execute("SELECT path FROM attached WHERE place = ?", (place,)).fetchall():
            self._db.execute("DELETE FROM attached WHERE path = ? AND place = ?", (path, place))
            self._db.execute(
                "INSERT OR IGNORE INTO gone SELECT ? WHERE NOT EXISTS (SELECT 1 FROM attached WHERE path = ?)",
                (path, path),
            )
        for (number,) in shelves:
            measure_shelf(self._db, number)

    def note_gone(self, path: str) -> None:
        """Note that a file in the export was destroyed meanwhile, within the caller's transaction."""
        self._db.execute("INSERT OR IGNORE INTO gone VALUES (?)", (path,))

    def gone(self) -> frozenset[str]:
        """Return the files that were destroyed meanwhile, or whose messages all were."""
        return frozenset(path for (path,) in self._db.execute("SELECT path FROM gone"))

    def attached(self) -> list[str]:
        """Return the paths of the files of messages that are in the export."""
        sql = "SELECT DISTINCT path FROM attached WHERE path NOT IN (SELECT path FROM gone) ORDER BY path"
        return [path for (path,) in self._db.execute(sql)]

    def bounds(self, first: int, last: int) -> tuple[int, int] | None:
        """Return the first and the last place of a range that are in the export; None if none is."""
        sql = "SELECT min(place), max(place) FROM message WHERE place BETWEEN ? AND ?"
        least, most = self._db.execute(sql, (first, last)).fetchone()
        return None if least is None else (int(least), int(most))

    def has(self, place: int) -> bool:
        """Return whether the record at a place is in the export."""
        return self._db.execute("SELECT 1 FROM message WHERE place = ?", (place,)).fetchone() is not None

    def note_files(self, paths: Iterable[str]) -> None:
        """Note that files of the format are finished."""
        with self.change():
            self._db.executemany("INSERT OR REPLACE INTO file VALUES (?)", ((path,) for path in paths))

    def finished_files(self) -> set[str]:
        """Return the finished files of the format."""
        return {path for (path,) in self._db.execute("SELECT path FROM file")}

    def forget_files(self) -> None:
        """Forget all finished files of the format, within the caller's transaction."""
        self._db.execute("DELETE FROM file")
