"""Brings the index up to date with a log: reads what is new without a lock, then writes it in one short transaction.

Any number of processes may do this at once. Each writes a batch only if the index still is as it was when the batch was
read; otherwise another process was quicker, and it goes on from there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from components.archive.log.leaf import encode_leaf
from components.archive.opener import RecordOpener
from components.archive.record import RecordKind
from components.audit.index.database import Database
from components.audit.index.forget import find_destroyed, forget
from components.audit.index.logs import IndexedLog
from components.audit.index.rows import Rows
from components.audit.index.schema import make_tables
from components.process.progress import Progress
from components.rules.file_links import FileLinks

# How many entries one transaction writes, and how many one fetch holds in memory with their payloads.
RECORDS_PER_TRANSACTION = 5_000
RECORDS_PER_FETCH = 250


class IndexState(NamedTuple):
    """What tells whether an index is of this version and of this log, and how far it goes."""

    made_in: int
    fold: str = ""
    links: str = ""
    next_index: int = 0
    last_leaf: bytes = b""


@dataclass(frozen=True, slots=True)
class _Batch:
    """New entries of a log up to `end`: their rows, the places without a record, and those that were destroyed."""

    end: int
    last_leaf: bytes
    rows: Rows
    gaps: list[int]
    destroyed: list[int]


@dataclass(frozen=True, slots=True)
class Follower:
    """Follows one log; `wanted` is the state of a new index, `tell` says why an index is made anew."""

    db: Database
    log: RecordOpener
    which: IndexedLog
    name: str
    links: FileLinks | None
    wanted: IndexState
    tell: Callable[[str], None]

    async def catch_up(self, progress: Progress, until: int | None = None) -> None:
        """Index what is new, up to `until` if told; raises LogError and DatabaseError.

        Killed anywhere, whole batches are left, and the next call goes on behind them.
        """
        while True:
            state, size = self._read_state(), await size_of(self.log)
            if wrong := await self._find_wrong(state, size):
                self._make_anew(state, wrong)
                continue
            end = size if until is None else min(size, until)
            if state.next_index >= end:
                self._name()
                return
            batch = await self._read(state.next_index, min(end, state.next_index + RECORDS_PER_TRANSACTION))
            if self._write(batch, state):
                progress(batch.end, end)

    def _read_state(self) -> IndexState:
        (made_in,) = self.db.execute("PRAGMA user_version").fetchone()
        if made_in != self.wanted.made_in:
            return IndexState(made_in)
        made = self.db.execute("SELECT fold, links FROM made").fetchone()
        sql = "SELECT next_index, last_leaf FROM state WHERE log = ?"
        return IndexState(made_in, *made, *(self.db.execute(sql, (self.which,)).fetchone() or (0, b"")))

    async def _find_wrong(self, state: IndexState, size: int) -> str:
        """Return why this index is to be made anew, or nothing; for one that was never made, a blank."""
        if state.made_in != self.wanted.made_in:
            return "made by another version of Steelyard" if state.made_in else " "
        is_of_log = state.next_index <= size and state.last_leaf == await _leaf_before(
            self.log, state.next_index
        )
        if not is_of_log:
            return "of another log"
        if state.fold != self.wanted.fold:
            return "made by another version of Steelyard"
        return "made with another key of links to files" if state.links != self.wanted.links else ""

    def _make_anew(self, state: IndexState, wrong: str) -> None:
        with self.db.transaction("IMMEDIATE"):
            if self._read_state() != state:
                return  # by another process
            make_tables(self.db, self.wanted.fold, self.wanted.links)
            self.db.execute(f"PRAGMA user_version = {self.wanted.made_in}")
        if not wrong.isspace():
            self.tell(wrong)

    async def _read(self, begin: int, end: int) -> _Batch:
        rows = Rows(self.which, self.links)
        gaps, destroyed = [], []
        for first in range(begin, end, RECORDS_PER_FETCH):
            count = min(RECORDS_PER_FETCH, end - first)
            records = await self.log.fetch(first, count)
            there = {record.index for record in records}
            gaps += [
                self.which.place(number) for number in range(first, first + count) if number not in there
            ]
            for record in records:
                rows.add(record)
                if record.leaf.kind == RecordKind.TOMBSTONE:
                    found = await find_destroyed(self.log.reader.source, record.payload or b"")
                    destroyed += [self.which.place(number) for number in found]
        return _Batch(end, await _leaf_before(self.log, end), rows, gaps, destroyed)

    def _write(self, batch: _Batch, state: IndexState) -> bool:
        """Write a batch, unless another process has; return whether it is written."""
        with self.db.transaction("IMMEDIATE"):
            if self._read_state() != state:
                return False
            batch.rows.insert(self.db)
            self.db.executemany("INSERT OR IGNORE INTO unread VALUES (?)", [(place,) for place in batch.gaps])
            if batch.destroyed:
                forget(self.db, batch.destroyed)
            self._name()
            self.db.execute(
                "UPDATE state SET next_index = ?, last_leaf = ? WHERE log = ?",
                (batch.end, batch.last_leaf, self.which),
            )
        return True

    def _name(self) -> None:
        self.db.execute(
            "INSERT INTO state VALUES (?, ?, 0, x'') ON CONFLICT (log) DO UPDATE SET name = excluded.name"
            " WHERE excluded.name NOT IN ('', name)",
            (self.which, self.name),
        )


async def size_of(log: RecordOpener) -> int:
    """Return how many entries of a log are durable, also those of the last second that no checkpoint covers yet."""
    bounds = await log.reader.source.fetch_bounds()
    return max(await log.reader.size(), bounds[1] + 1 if bounds else 0)


async def _leaf_before(log: RecordOpener, position: int) -> bytes:
    """Read the leaf that tells the indexed log from another one."""
    records = await log.reader.fetch(position - 1, 1) if position else []
    return b"".join(encode_leaf(record.leaf) for record in records)
