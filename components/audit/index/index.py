"""The index of the gate's log, in SQLite with FTS5. It can be deleted at any time, and is built again from the log."""

import os
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from components.archive.log.leaf import encode_leaf
from components.archive.opener import OpenedRecord, RecordOpener
from components.archive.record import RecordKind
from components.audit.index.forget import find_destroyed, forget, purge
from components.audit.index.rows import Rows
from components.audit.index.schema import FORMAT, SCHEMA, TABLES
from components.audit.query.compile import Where
from components.process.errors import SiteError
from components.process.progress import Progress
from policy.content.fold import FOLD_VERSION

# How many entries one transaction holds the index for, and how many one fetch holds in memory.
RECORDS_PER_TRANSACTION = 5_000
RECORDS_PER_FETCH = 250

_BUSY_TIMEOUT_S = 60.0
_BUSY_RETRY_S = 0.01


class DeliveryState(StrEnum):
    """The outcome of a stanza: the server reports it for all up to a number, and names the bounced ones."""

    CARRIED_OUT = "carried-out"
    RETURNED = "returned"
    KEPT = "kept"
    BOUNCED = "bounced"
    REPEATED = "repeated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search: `indexes` in the log's order, the newest of `matched` among `submissions` records.

    `log_size` counts all indexed entries, also those that are not submissions.
    """

    indexes: tuple[int, ...]
    matched: int
    submissions: int
    log_size: int


@contextmanager
def open_index(path: Path) -> Iterator["Index"]:
    """Open an index, or create it, for a look into the log; raises SiteError if SQLite cannot use it."""
    try:
        with Index(path) as index:
            yield index
    except sqlite3.Error as error:
        raise SiteError(
            f"the index {path} cannot be used: {error}; delete it, and the next search builds it again"
        ) from error


class Index:
    """One index file; many processes may use and extend it at once."""

    def __init__(self, path: Path) -> None:
        """Open an index, or create it; replace a damaged one by an empty one."""
        self._path = path
        try:
            self._db = _open_database(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            self._db = _open_database(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    async def catch_up(self, log: RecordOpener, progress: Progress = lambda done, total: None) -> None:
        """Index the entries that are new in the log; call `progress(entries done, entries in all)`.

        A crash leaves whole transactions, and the next call continues from there. An index of another version or of
        another log is emptied first, and standard error says so.
        """
        total = await log.reader.size()
        position = -1
        while position < total:
            with self._transaction("IMMEDIATE"):
                position = await self._position(log)
                end = min(total, position + RECORDS_PER_TRANSACTION)
                while position < end:
                    count = min(RECORDS_PER_FETCH, end - position)
                    records = await log.fetch(position, count)
                    self._insert(records)
                    self._note_gaps(records, position, count)
                    for record in records:
                        if record.leaf.kind == RecordKind.TOMBSTONE:
                            forget(self._db, await find_destroyed(log.reader.source, record.payload or b""))
                    position += count
                self._db.execute(
                    "UPDATE state SET next_index = ?, last_leaf = ?",
                    (position, await _leaf_before(log, position)),
                )
            progress(position, total)
        # A crash before this leaves it to the next call.
        purge(self._db)

    def find(self, where: Where, limit: int) -> Found:
        """Find the records that a compiled query matches, at most the `limit` newest."""
        condition = f"FROM submission WHERE {where.sql}"  # constant SQL: see compile_query
        with self._transaction("DEFERRED"):
            (log_size,) = self._db.execute("SELECT next_index FROM state").fetchone()
            (submissions,) = self._db.execute("SELECT count(*) FROM submission").fetchone()
            (matched,) = self._db.execute(f"SELECT count(*) {condition}", where.parameters).fetchone()
            rows = self._db.execute(
                f"SELECT idx {condition} ORDER BY idx DESC LIMIT ?", (*where.parameters, limit)
            ).fetchall()
        return Found(tuple(idx for (idx,) in reversed(rows)), matched, submissions, log_size)

    def find_all(self, where: Where) -> tuple[int, ...]:
        """Find the indexes of all records that a compiled query matches, in the log's order."""
        condition = f"FROM submission WHERE {where.sql}"  # constant SQL: see compile_query
        rows = self._db.execute(f"SELECT idx {condition} ORDER BY idx", where.parameters)
        return tuple(idx for (idx,) in rows)

    def find_segments(self, where: Where) -> tuple[int, ...]:
        """Find the segments with records that a compiled query matches, in order."""
        condition = f"FROM submission WHERE {where.sql}"  # constant SQL: see compile_query
        rows = self._db.execute(f"SELECT DISTINCT segment {condition} ORDER BY segment", where.parameters)
        return tuple(segment for (segment,) in rows)

    def unread(self) -> set[int]:
        """Return the indexes of records that did not open, could not be parsed, or were missing."""
        return {idx for (idx,) in self._db.execute("SELECT idx FROM unread")}

    def destroyed(self) -> set[int]:
        """Return the indexes of records that a tombstone names."""
        return {idx for (idx,) in self._db.execute("SELECT idx FROM destroyed")}

    def delivery(self, epoch: str, seq: int) -> DeliveryState:
        """Return the outcome of a submission."""
        if self._db.execute("SELECT 1 FROM bounced WHERE epoch = ? AND seq = ?", (epoch, seq)).fetchone():
            return DeliveryState.BOUNCED
        if self._db.execute(
            "SELECT 1 FROM delivery WHERE epoch = ? AND through >= ?", (epoch, seq)
        ).fetchone():
            return DeliveryState.CARRIED_OUT
        return DeliveryState.UNKNOWN

    def topics_marked(self, digest: str) -> int:
        """Return the first entry that rules of this digest have to mark; remove other rules' marks."""
        with self._transaction("IMMEDIATE"):
            marked_by, position = self._db.execute("SELECT digest, next_index FROM topic_state").fetchone()
            if marked_by == digest:
                return int(position)
            self._db.execute("DELETE FROM topic")
            self._db.execute("UPDATE topic_state SET digest = ?, next_index = 0", (digest,))
        return 0

    def mark_topics(self, digest: str, marks: Iterable[tuple[str, int]], next_index: int) -> None:
        """Mark entries with the rules that found them, up to `next_index`; a record that is gone gets no mark."""
        with self._transaction("IMMEDIATE"):
            self._db.executemany(
                "INSERT OR IGNORE INTO topic SELECT ?, idx FROM submission WHERE idx = ?", marks
            )
            self._db.execute("UPDATE topic_state SET next_index = ? WHERE digest = ?", (next_index, digest))

    @contextmanager
    def _transaction(self, mode: str) -> Iterator[None]:
        self._db.execute(f"BEGIN {mode}")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    async def _position(self, log: RecordOpener) -> int:
        """Return the next entry to index; call it within a transaction, because other processes also index."""
        (made_in,) = self._db.execute("PRAGMA user_version").fetchone()
        if made_in == FORMAT:
            position, last_leaf, fold = self._db.execute(
                "SELECT next_index, last_leaf, fold FROM state"
            ).fetchone()
            is_of_log = position <= await log.reader.size() and last_leaf == await _leaf_before(log, position)
            if is_of_log and fold == FOLD_VERSION:
                return int(position)
            self._tell_replaced("made by another version of Steelyard" if is_of_log else "of another log")
        elif made_in:
            self._tell_replaced("made by another version of Steelyard")
        for table in TABLES:
            self._db.execute(f"DROP TABLE IF EXISTS {table}")
        for statement in SCHEMA.strip().split(";\n"):
            self._db.execute(statement)
        self._db.execute("INSERT INTO state VALUES (0, x'', 0, ?)", (FOLD_VERSION,))
        self._db.execute("INSERT INTO topic_state VALUES ('', 0)")
        self._db.execute(f"PRAGMA user_version = {FORMAT}")
        return 0

    def _tell_replaced(self, reason: str) -> None:
        print(f"the index {self._path} is {reason}: it is built again from the log", file=sys.stderr)

    def _insert(self, records: list[OpenedRecord]) -> None:
        rows = Rows()
        for record in records:
            rows.add(record)
        self._db.executemany(
            "INSERT INTO submission VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows.submissions
        )
        self._db.executemany("INSERT INTO folded VALUES (?, ?, ?)", rows.words)
        self._db.executemany("INSERT INTO word (rowid, text, look) VALUES (?, ?, ?)", rows.words)
        self._db.executemany("INSERT OR IGNORE INTO rule VALUES (?, ?)", rows.rules)
        self._db.executemany("INSERT OR IGNORE INTO bounced VALUES (?, ?, ?)", rows.bounced)
        self._db.executemany("INSERT OR IGNORE INTO unread VALUES (?)", rows.unread)
        self._db.executemany("INSERT INTO delivery VALUES (?, ?, ?)", rows.deliveries)

    def _note_gaps(self, records: list[OpenedRecord], first: int, count: int) -> None:
        """Note the entries of the log without a record."""
        gaps = set(range(first, first + count)).difference(record.index for record in records)
        self._db.executemany("INSERT OR IGNORE INTO unread VALUES (?)", [(idx,) for idx in gaps])


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


async def _leaf_before(log: RecordOpener, position: int) -> bytes:
    """Read the leaf that tells the indexed log from another one."""
    records = await log.reader.fetch(position - 1, 1) if position else []
    return b"".join(encode_leaf(record.leaf) for record in records)


def _open_database(path: Path) -> sqlite3.Connection:
    # It holds the words of every message, so only its owner may read it and the files that SQLite puts beside it.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
    try:
        _write_ahead(db)
        # A crash may lose the newest transactions, which can be made from the log again. It does not damage the file.
        db.execute("PRAGMA synchronous = NORMAL")
        # Deleted data is overwritten with zeros, because it must not stay in a free page.
        db.execute("PRAGMA secure_delete = ON")
    except BaseException:
        db.close()
        raise
    return db
