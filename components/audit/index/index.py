"""The index of what was said and sent, in SQLite with FTS5 or in PostgreSQL (docs/decisions/0224-*).

It can be deleted at any time: the logs make it again.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Self

from components.archive.opener import RecordOpener
from components.archive.store.postgres_url import PostgresUrl
from components.audit.index import facets
from components.audit.index.catch_up import Follower, IndexState
from components.audit.index.database import (
    Connection,
    DatabaseError,
    Store,
    advise,
    alone,
    explain_broken,
    is_broken,
    open_database,
    remove_database,
)
from components.audit.index.facets import Counted, Dimension
from components.audit.index.found import DeliveryState, Found
from components.audit.index.logs import LAST_NUMBER, SEARCHED, IndexedLog
from components.audit.index.open_postgres import open_postgres
from components.audit.index.plan import count, count_by, count_each
from components.audit.index.purge import FORMAT, purge
from components.audit.index.stream import stream
from components.audit.query.compile import EVERYTHING, Where
from components.process.errors import SiteError
from components.process.progress import Progress, ignore_progress
from components.rules.file_links import FileLinks
from policy.content.fold import FOLD_VERSION

__all__ = ["DeliveryState", "Found", "Index", "open_index"]

_OF_GATE = f"idx BETWEEN 0 AND {LAST_NUMBER}"
# A record counts once for a rule, whether the gate found it or it was told later.
_NEW_MARK = """
SELECT 1 WHERE NOT EXISTS (
    SELECT 1 FROM rule WHERE (rule, idx) = (?1, ?2) UNION SELECT 1 FROM topic WHERE (rule, idx) = (?1, ?2)
)
"""
_OUTCOME = """
SELECT EXISTS (SELECT 1 FROM bounced WHERE epoch = :epoch AND seq = :seq),
EXISTS (SELECT 1 FROM epoch WHERE name = :epoch AND through >= :seq)
"""
_TOPICS_ALONE = "SELECT rule, idx FROM topic EXCEPT SELECT rule, idx FROM rule"


IndexPlace = Path | PostgresUrl
"""Where an index is: a file, or a schema in PostgreSQL."""


@contextmanager
def open_index(
    path: IndexPlace, links: FileLinks | None = None, key: bytes | None = None
) -> Iterator["Index"]:
    """Open an index, or create it, for a look into the log; raises SiteError if it cannot be used.

    With `links`, messages are found by the files whose links they carry; `key` is that of the file.
    """
    with explained(path), Index(path, links, key) as index:
        yield index


@contextmanager
def explained(place: IndexPlace) -> Iterator[None]:
    """Raise what SQLite or PostgreSQL says is wrong with an index as a SiteError."""
    try:
        yield
    except DatabaseError as error:
        again = "" if isinstance(place, PostgresUrl) else f"; {advise(error)}"
        raise SiteError(f"the index {label_place(place)} cannot be used: {error}{again}") from error


def label_place(place: IndexPlace) -> str:
    """Return where an index is, as it may be shown: without user and password."""
    return place.label if isinstance(place, PostgresUrl) else str(place)


class Index:
    """One index; many processes may use and extend it at once."""

    def __init__(self, place: IndexPlace, links: FileLinks | None = None, key: bytes | None = None) -> None:
        """Open an index, or create it; replace a damaged file, or one under another key, by an empty one."""
        self._place = place
        self.links = links
        self.inode = 0
        self._is_looking = False
        if isinstance(place, PostgresUrl):
            self._db: Store = open_postgres(place)
            return
        with alone(place):
            self._db = self._open(place, key)
            self.inode = place.stat().st_ino

    def _open(self, path: Path, key: bytes | None) -> Store:
        try:
            return open_database(path, key)
        except DatabaseError as error:
            if not is_broken(error):
                raise
        self._tell_replaced(explain_broken(path))
        remove_database(path)
        return open_database(path, key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def is_there(self) -> bool:
        """Return whether the file that is open is still the one at its path: it may be deleted at any time."""
        if isinstance(self._place, PostgresUrl):
            return True  # who makes it anew there does so under everybody's hands
        try:
            return self._place.stat().st_ino == self.inode
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Close the file, or the connection."""
        self._db.close()

    async def catch_up(
        self,
        log: RecordOpener,
        progress: Progress = ignore_progress,
        which: IndexedLog = IndexedLog.GATE,
        name: str = "",
        until: int | None = None,
    ) -> bool:
        """Index the entries that are new in a log; call `progress(entries done, entries in all)`.

        With `until`, no entry from this one on. `name` is the log's name in the ids of records, by which `similar:`
        finds it.

        A crash leaves whole transactions, and the next call continues from there. An index of another version or of
        another log is emptied first, and standard error says so. Returns whether it was emptied.
        """
        wanted = IndexState(FORMAT, FOLD_VERSION, self.links.key_id if self.links else "")
        follower = Follower(self._db, log, which, name, self.links, wanted, self._tell_replaced)
        is_anew = await follower.catch_up(progress, until)
        # A crash before this leaves it to the next call.
        purge(self._db)
        return is_anew

    def find(self, where: Where, limit: int, *, logs: Sequence[IndexedLog] = SEARCHED) -> Found:
        """Find the records that a compiled query matches, at most the `limit` newest."""
        with self.look():
            log_size = self.size_of(IndexedLog.GATE)
            submissions = count(self._db, EVERYTHING, logs)
            matched = count(self._db, where, logs)
            newest = list(islice(stream(self._db, where, logs, newest_first=True), limit))
        return Found(tuple(at.place for at in reversed(newest)), matched, submissions, log_size)

    def count_all(self) -> int:
        """Count the records of all logs; none if the index has yet to be made."""
        if self._db.read_version() != FORMAT:
            return 0
        (entries,) = self._db.execute("SELECT coalesce(sum(entries), 0) FROM counter").fetchone()
        return int(entries)

    def count(self, where: Where, *, logs: Sequence[IndexedLog] = SEARCHED) -> int:
        """Count the records that a compiled query matches."""
        with self.look() as db:
            return count(db, where, logs)

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
        with self.look() as db:
            return count_by(db, dimensions, where or EVERYTHING, logs)

    def count_each(
        self,
        groups: Sequence[Sequence[Dimension]],
        where: Where | None = None,
        *,
        logs: Sequence[IndexedLog] = SEARCHED,
    ) -> list[list[Counted]]:
        """Count records by each of several groups of dimensions, as `count_by` does, in one go."""
        with self.look() as db:
            return count_each(db, groups, where or EVERYTHING, logs)

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
        if self._db.read_version() != FORMAT:
            return 0
        found = self._db.execute("SELECT next_index FROM state WHERE log = ?", (which,)).fetchone()
        return int(found[0]) if found else 0

    def delivery(self, epoch: str, seq: int) -> DeliveryState:
        """Return the outcome of a submission."""
        is_bounced, is_done = self._db.execute(_OUTCOME, {"epoch": epoch, "seq": seq}).fetchone()
        if is_bounced:
            return DeliveryState.BOUNCED
        return DeliveryState.CARRIED_OUT if is_done else DeliveryState.UNKNOWN

    def topics_marked(self, digest: str) -> int:
        """Return the first entry that rules of this digest have to mark; remove other rules' marks."""
        with self._db.transaction("IMMEDIATE"):
            marked_by, position = self._db.execute("SELECT digest, next_index FROM topic_state").fetchone()
            if marked_by == digest:
                return int(position)
            facets.add_rules(self._db, self._db.execute(_TOPICS_ALONE).fetchall(), by=-1)
            self._db.execute("DELETE FROM topic")
            self._db.execute("UPDATE topic_state SET digest = ?, next_index = 0", (digest,))
        return 0

    def mark_topics(self, digest: str, marks: Iterable[tuple[str, int]], next_index: int) -> None:
        """Mark entries with the rules that found them, up to `next_index`; a record that is gone gets no mark."""
        with self._db.transaction("IMMEDIATE"):
            for mark in marks:
                is_new = self._db.execute(_NEW_MARK, mark).fetchone()
                self._db.execute("INSERT OR IGNORE INTO topic SELECT ?, idx FROM entry WHERE idx = ?", mark)
                facets.add_rules(self._db, [mark] if is_new else [])
            self._db.execute("UPDATE topic_state SET next_index = ? WHERE digest = ?", (next_index, digest))

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """Read the index in one transaction, or in that of the look which this is a part of.

        It may write tables of this connection alone (TEMP).
        """
        if self._is_looking:
            yield self._db
            return
        self._is_looking = True
        try:
            with self._db.transaction("DEFERRED"):
                yield self._db
        finally:
            self._is_looking = False

    @contextmanager
    def change(self) -> Iterator[Connection]:
        """Read and change the index in one transaction, for what is kept of files (index/contents.py)."""
        with self._db.transaction("IMMEDIATE"):
            yield self._db

    def _tell_replaced(self, reason: str) -> None:
        print(
            f"the index {label_place(self._place)} is {reason}: it is built again from the log",
            file=sys.stderr,
        )
