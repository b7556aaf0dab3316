"""The index of what was said and sent, in SQLite with FTS5. It can be deleted at any time: the logs make it again."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import Self

from components.archive.log.leaf import encode_leaf
from components.archive.opener import OpenedRecord, RecordOpener
from components.archive.record import RecordKind
from components.audit.index import facets
from components.audit.index.database import (
    Connection,
    Database,
    DatabaseError,
    alone,
    explain_broken,
    is_broken,
    open_database,
    remove_database,
)
from components.audit.index.facets import Counted, Dimension
from components.audit.index.forget import find_destroyed, forget, purge
from components.audit.index.found import DeliveryState, Found
from components.audit.index.logs import LAST_NUMBER, SEARCHED, IndexedLog, find_record
from components.audit.index.plan import count, plan
from components.audit.index.rows import Rows
from components.audit.index.schema import FORMAT, make_tables
from components.audit.query import tree
from components.audit.query.compile import Scope, Where, add_bound
from components.process.errors import SiteError
from components.process.progress import Progress
from components.rules.file_links import FileLinks
from policy.content.fold import FOLD_VERSION

__all__ = ["DeliveryState", "Found", "Index", "open_index"]

# How many entries one transaction holds the index for, and how many one fetch holds in memory.
RECORDS_PER_TRANSACTION = 5_000
RECORDS_PER_FETCH = 250

_OF_GATE = f"idx <= {LAST_NUMBER}"
# A record counts once for a rule, whether the gate found it or it was told later.
_NEW_MARK = """
SELECT 1 WHERE NOT EXISTS (
    SELECT 1 FROM rule WHERE (rule, idx) = (?1, ?2) UNION SELECT 1 FROM topic WHERE (rule, idx) = (?1, ?2)
)
"""
_TOPICS_ALONE = "SELECT rule, idx FROM topic EXCEPT SELECT rule, idx FROM rule"


@contextmanager
def open_index(path: Path, links: FileLinks | None = None, key: bytes | None = None) -> Iterator["Index"]:
    """Open an index, or create it, for a look into the log; raises SiteError if SQLite cannot use it.

    With `links`, messages are found by the files whose links they carry; `key` is that of the file.
    """
    try:
        with Index(path, links, key) as index:
            yield index
    except DatabaseError as error:
        raise SiteError(
            f"the index {path} cannot be used: {error}; delete it, and the next search builds it again"
        ) from error


class Index:
    """One index file; many processes may use and extend it at once."""

    def __init__(self, path: Path, links: FileLinks | None = None, key: bytes | None = None) -> None:
        """Open an index, or create it; replace a damaged one, or one under another key, by an empty one."""
        self._path = path
        self._links = links
        with alone(path):
            self._db = self._open(key)

    def _open(self, key: bytes | None) -> Database:
        try:
            return open_database(self._path, key)
        except DatabaseError as error:
            if not is_broken(error):
                raise
        self._tell_replaced(explain_broken(self._path))
        remove_database(self._path)
        return open_database(self._path, key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    async def catch_up(
        self,
        log: RecordOpener,
        progress: Progress = lambda done, total: None,
        which: IndexedLog = IndexedLog.GATE,
        name: str = "",
    ) -> None:
        """Index the entries that are new in a log; call `progress(entries done, entries in all)`.

        `name` is the log's name in the ids of records; `similar:` finds it by that.

        A crash leaves whole transactions, and the next call continues from there. An index of another version or of
        another log is emptied first, and standard error says so.
        """
        total = await log.reader.size()
        position = -1
        while position < total:
            with self._transaction("IMMEDIATE"):
                position = await self._position(log, which, name)
                end = min(total, position + RECORDS_PER_TRANSACTION)
                while position < end:
                    count = min(RECORDS_PER_FETCH, end - position)
                    records = await log.fetch(position, count)
                    self._insert(records, which)
                    self._note_gaps(records, which, range(position, position + count))
                    await self._forget_destroyed(log, which, records)
                    position += count
                self._db.execute(
                    "UPDATE state SET next_index = ?, last_leaf = ? WHERE log = ?",
                    (position, await _leaf_before(log, position), which),
                )
            progress(position, total)
        # A crash before this leaves it to the next call.
        purge(self._db)

    def find(
        self,
        where: Where,
        limit: int,
        *,
        logs: Sequence[IndexedLog] = SEARCHED,
        behind: int | None = None,
        oldest: bool = False,
    ) -> Found:
        """Find the records that a compiled query matches, at most the `limit` newest, or oldest.

        With `behind`, only those that come behind the record at this place, as the next page has them.
        """
        with self._transaction("DEFERRED"):
            log_size = self.size_of(IndexedLog.GATE)
            everything = Where("1", scope=Scope.ROUTE)
            submissions = sum(count(self._db, everything, which) for which in logs)
            matched = sum(count(self._db, where, which) for which in logs)
            found = list(islice(self._stream(where, logs, oldest, behind, limit), limit))
        return Found(tuple(found if oldest else reversed(found)), matched, submissions, log_size)

    def stream(
        self, where: Where, *, logs: Sequence[IndexedLog] = SEARCHED, oldest: bool = True
    ) -> Iterator[int]:
        """Yield the places of all records that a compiled query matches, within `look`: in bounded memory."""
        return self._stream(where, logs, oldest, None, -1)

    def count(self, where: Where, *, logs: Sequence[IndexedLog] = SEARCHED) -> int:
        """Count the records that a compiled query matches."""
        with self._transaction("DEFERRED"):
            return sum(count(self._db, where, which) for which in logs)

    def count_by(
        self,
        dimensions: Sequence[Dimension],
        where: Where | None = None,
        *,
        logs: Sequence[IndexedLog] = SEARCHED,
    ) -> list[Counted]:
        """Count records by dimensions, such as person and day; `where` is a compiled query, or None for all records.

        One `Counted` for each combination of values that occurs, in their order; for no dimension, one in all. Where
        the query is about people, kinds and verdicts alone, counters tell, however many records there are. Otherwise
        the records themselves are counted. A record counts once for each of its rules under `rule`, and not at all
        without one.
        """
        with self._transaction("DEFERRED"):
            return facets.count_by(self._db, dimensions, where, logs)

    def _stream(
        self, where: Where, logs: Sequence[IndexedLog], oldest: bool, behind: int | None, limit: int
    ) -> Iterator[int]:
        """Yield places. Each log keeps its own order, whatever its records say of their times."""
        sign = 1 if oldest else -1
        found = []
        for which in logs:
            limited = where if behind is None else self._limit_behind(where, which, behind, oldest)
            planned = plan(self._db, limited, which)
            before = behind if behind is not None and find_record(behind)[0] is which else None
            if planned is not None:
                found.append(planned.find(self._db, limit, oldest=oldest, before=before))
        return (place for place, _ in merge(*found, key=lambda row: sign * row[1]))

    def _limit_behind(self, where: Where, which: IndexedLog, behind: int, oldest: bool) -> Where:
        """Limit another log's records by the time of the one that the page begins behind."""
        own = find_record(behind)[0]
        row = self._db.execute("SELECT received_at_ns FROM entry WHERE idx = ?", (behind,)).fetchone()
        if which is own or row is None:
            return where
        # Of records of one time, those of an earlier log come first, as `merge` has them.
        at_ns = row[0] + ((which < own) if oldest else (which > own))
        return add_bound(where, tree.Moment(tree.Bound.AFTER if oldest else tree.Bound.BEFORE, at_ns))

    def find_all(self, where: Where) -> tuple[int, ...]:
        """Find the indexes of all records of the gate's log that a compiled query matches, in its order."""
        condition = f"FROM entry WHERE {where.sql} AND {_OF_GATE}"  # constant SQL: see compile_query
        rows = self._db.execute(f"SELECT idx {condition} ORDER BY idx", where.parameters)
        return tuple(idx for (idx,) in rows)

    def find_segments(self, where: Where) -> tuple[int, ...]:
        """Find the segments of the gate's log with records that a compiled query matches, in order."""
        condition = f"FROM entry WHERE {where.sql} AND {_OF_GATE}"  # constant SQL: see compile_query
        rows = self._db.execute(f"SELECT DISTINCT segment {condition} ORDER BY segment", where.parameters)
        return tuple(segment for (segment,) in rows)

    def unread(self, which: IndexedLog = IndexedLog.GATE) -> set[int]:
        """Return the indexes of a log's records that did not open, could not be parsed, or were missing."""
        return self._numbers("SELECT idx FROM unread WHERE idx BETWEEN ? AND ?", which)

    def destroyed(self, which: IndexedLog = IndexedLog.GATE) -> set[int]:
        """Return the indexes of a log's records that a tombstone names."""
        return self._numbers("SELECT idx FROM destroyed WHERE idx BETWEEN ? AND ?", which)

    def _numbers(self, sql: str, which: IndexedLog) -> set[int]:
        first, end = which.place(0), which.place(LAST_NUMBER)
        return {idx - first for (idx,) in self._db.execute(sql, (first, end))}

    def size_of(self, which: IndexedLog) -> int:
        """Return how many entries of a log are indexed."""
        found = self._db.execute("SELECT next_index FROM state WHERE log = ?", (which,)).fetchone()
        return int(found[0]) if found else 0

    def delivery(self, epoch: str, seq: int) -> DeliveryState:
        """Return the outcome of a submission."""
        if self._db.execute("SELECT 1 FROM bounced WHERE epoch = ? AND seq = ?", (epoch, seq)).fetchone():
            return DeliveryState.BOUNCED
        if self._db.execute("SELECT 1 FROM epoch WHERE name = ? AND through >= ?", (epoch, seq)).fetchone():
            return DeliveryState.CARRIED_OUT
        return DeliveryState.UNKNOWN

    def topics_marked(self, digest: str) -> int:
        """Return the first entry that rules of this digest have to mark; remove other rules' marks."""
        with self._transaction("IMMEDIATE"):
            marked_by, position = self._db.execute("SELECT digest, next_index FROM topic_state").fetchone()
            if marked_by == digest:
                return int(position)
            facets.add_rules(self._db, self._db.execute(_TOPICS_ALONE).fetchall(), by=-1)
            self._db.execute("DELETE FROM topic")
            self._db.execute("UPDATE topic_state SET digest = ?, next_index = 0", (digest,))
        return 0

    def mark_topics(self, digest: str, marks: Iterable[tuple[str, int]], next_index: int) -> None:
        """Mark entries with the rules that found them, up to `next_index`; a record that is gone gets no mark."""
        with self._transaction("IMMEDIATE"):
            for mark in marks:
                is_new = self._db.execute(_NEW_MARK, mark).fetchone()
                self._db.execute("INSERT OR IGNORE INTO topic SELECT ?, idx FROM entry WHERE idx = ?", mark)
                facets.add_rules(self._db, [mark] if is_new else [])
            self._db.execute("UPDATE topic_state SET next_index = ? WHERE digest = ?", (next_index, digest))

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """Read the index in one transaction."""
        with self._transaction("DEFERRED"):
            yield self._db

    @contextmanager
    def change(self) -> Iterator[Connection]:
        """Read and change the index in one transaction, for what is kept of files (index/contents.py)."""
        with self._transaction("IMMEDIATE"):
            yield self._db

    @contextmanager
    def _transaction(self, mode: str) -> Iterator[None]:
        self._db.execute(f"BEGIN {mode}")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    async def _position(self, log: RecordOpener, which: IndexedLog, name: str) -> int:
        """Return a log's next entry to index; call it within a transaction, because other processes also index."""
        (made_in,) = self._db.execute("PRAGMA user_version").fetchone()
        if made_in == FORMAT:
            fold, links = self._db.execute("SELECT fold, links FROM made").fetchone()
            position, last_leaf = self._db.execute(
                "SELECT next_index, last_leaf FROM state WHERE log = ?", (which,)
            ).fetchone() or (0, b"")
            is_of_log = position <= await log.reader.size() and last_leaf == await _leaf_before(log, position)
            if is_of_log and (fold, links) == (FOLD_VERSION, self._links_id):
                self._begin(which, name)
                return int(position)
            wrong = "of another log" if not is_of_log else "made by another version of Steelyard"
            if is_of_log and fold == FOLD_VERSION:
                wrong = "made with another key of links to files"
            self._tell_replaced(wrong)
        elif made_in:
            self._tell_replaced("made by another version of Steelyard")
        make_tables(self._db, FOLD_VERSION, self._links_id)
        self._db.execute(f"PRAGMA user_version = {FORMAT}")
        self._begin(which, name)
        return 0

    @property
    def _links_id(self) -> str:
        return self._links.key_id if self._links else ""

    def _begin(self, which: IndexedLog, name: str) -> None:
        self._db.execute(
            "INSERT INTO state VALUES (?, ?, 0, x'') ON CONFLICT (log) DO UPDATE SET name = excluded.name"
            " WHERE excluded.name != ''",
            (which, name),
        )

    def _tell_replaced(self, reason: str) -> None:
        print(f"the index {self._path} is {reason}: it is built again from the log", file=sys.stderr)

    def _insert(self, records: list[OpenedRecord], which: IndexedLog) -> None:
        rows = Rows(which, self._links)
        for record in records:
            rows.add(record)
        rows.insert(self._db)

    def _note_gaps(self, records: list[OpenedRecord], which: IndexedLog, numbers: range) -> None:
        """Note the entries of a log without a record."""
        gaps = set(numbers).difference(record.index for record in records)
        self._db.executemany(
            "INSERT OR IGNORE INTO unread VALUES (?)", [(which.place(number),) for number in gaps]
        )

    async def _forget_destroyed(
        self, log: RecordOpener, which: IndexedLog, records: list[OpenedRecord]
    ) -> None:
        for record in records:
            if record.leaf.kind == RecordKind.TOMBSTONE:
                destroyed = await find_destroyed(log.reader.source, record.payload or b"")
                forget(self._db, map(which.place, destroyed))


async def _leaf_before(log: RecordOpener, position: int) -> bytes:
    """Read the leaf that tells the indexed log from another one."""
    records = await log.reader.fetch(position - 1, 1) if position else []
    return b"".join(encode_leaf(record.leaf) for record in records)
