"""Brings the index up to date with a log: reads what is new without a lock, then writes it in one short transaction.

Any number of processes may do this at once. Each writes a batch only if the index still is as it was when the batch was
read; otherwise another process was quicker, and it goes on from there.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from components.archive.log.leaf import encode_leaf
from components.archive.opener import RecordOpener
from components.archive.record import RecordKind
from components.audit.index.database import Store
from components.audit.index.logs import IndexedLog
from components.process.progress import Progress
from components.rules.file_links import FileLinks

# What reads and writes rows is imported where there are new entries: most looks find the index up to date.
if TYPE_CHECKING:
    from components.audit.index.row_readers import RowReaders
    from components.audit.index.rows import Rows

# How many entries one transaction writes, and how many one fetch reads from the log.
RECORDS_PER_TRANSACTION = 5_000
RECORDS_PER_FETCH = 250
# Where so many entries wait, other processes parse them, on machines with more than one core. So much of them may be
# on its way at once.
MANY_RECORDS = 20_000
_MOST_READERS = 4
_MOST_BYTES = 32 << 20


class IndexState(NamedTuple):
    """What tells whether an index is of this version and of this log, and how far it goes."""

    made_in: int
    fold: str = ""
    links: str = ""
    next_index: int = 0
    last_leaf: bytes = b""


@dataclass(frozen=True, slots=True)
class _Reading:
    """New entries of a log from `begin` up to `end` that are being read: their rows, in parts, and more of them."""

    begin: int
    end: int
    parts: "list[Rows | Future[Rows]]"
    gaps: list[int]
    destroyed: list[int]


@dataclass(frozen=True, slots=True)
class _Batch:
    """New entries of a log up to `end`: their rows, the places without a record, and those that were destroyed."""

    end: int
    last_leaf: bytes
    rows: "Rows"
    gaps: list[int]
    destroyed: list[int]


@dataclass(frozen=True, slots=True)
class Follower:
    """Follows one log; `wanted` is the state of a new index, `tell` says why an index is made anew."""

    db: Store
    log: RecordOpener
    which: IndexedLog
    name: str
    links: FileLinks | None
    wanted: IndexState
    tell: Callable[[str], None]

    async def catch_up(self, progress: Progress, until: int | None = None) -> bool:
        """Index what is new, up to `until` if told; raises LogError and DatabaseError.

        Returns whether the index was made anew for that, and so has lost what it had of other logs.
        Killed anywhere, whole batches are left, and the next call goes on behind them.
        """
        with ExitStack() as stack:
            return await self._catch_up(stack, progress, until)

    async def _catch_up(self, stack: ExitStack, progress: Progress, until: int | None) -> bool:
        readers, ahead, is_anew = None, None, False
        while True:
            state, size = self._read_state(), await size_of(self.log)
            if wrong := await self._find_wrong(state, size):
                self._make_anew(state, wrong)
                is_anew = True
                continue
            end = size if until is None else min(size, until)
            if state.next_index >= end:
                self._name()
                return is_anew
            if readers is None and end - state.next_index >= MANY_RECORDS:
                readers = self._start_readers(stack)
            if ahead is None or ahead.begin != state.next_index:
                ahead = await self._begin(readers, state.next_index, end)
            reading, ahead = ahead, None
            if readers is not None and reading.end < end:
                # What is behind is parsed while this is written.
                ahead = await self._begin(readers, reading.end, end)
            batch = await self._finish(reading)
            if self._write(batch, state):
                progress(batch.end, end)

    def _read_state(self) -> IndexState:
        made_in = self.db.read_version()
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
            from components.audit.index.schema import make_tables

            make_tables(self.db, self.wanted.fold, self.wanted.links, self.wanted.made_in)
        if not wrong.isspace():
            self.tell(wrong)

    def _start_readers(self, stack: ExitStack) -> "RowReaders | None":
        from components.audit.index.row_readers import RowReaders

        number = min(_MOST_READERS, len(os.sched_getaffinity(0)))
        return stack.enter_context(RowReaders(self.which, self.links, number)) if number > 1 else None

    async def _begin(self, readers: "RowReaders | None", begin: int, end: int) -> _Reading:
        """Open the entries of the next batch, and read them, or have them read."""
        from components.audit.index.rows import Rows, take_clear

        reading = _Reading(begin, min(end, begin + RECORDS_PER_TRANSACTION), [], [], [])
        size_bytes = 0
        for first in range(begin, reading.end, RECORDS_PER_FETCH):
            count = min(RECORDS_PER_FETCH, reading.end - first)
            records = await self.log.fetch(first, count)
            there = {record.index for record in records}
            missing = (number for number in range(first, first + count) if number not in there)
            reading.gaps.extend(map(self.which.place, missing))
            for record in records:
                if record.leaf.kind == RecordKind.TOMBSTONE:
                    from components.audit.index.forget import find_destroyed

                    found = await find_destroyed(self.log.reader.source, record.payload or b"")
                    reading.destroyed.extend(map(self.which.place, found))
            clear = [taken for record in records if (taken := take_clear(record)) is not None]
            size_bytes += sum(len(each.payload) for each in clear)
            if readers is None or size_bytes > _MOST_BYTES:
                reading.parts.append(Rows.read_all(self.which, self.links, clear))
            else:
                reading.parts.append(readers.read(clear))
        return reading

    async def _finish(self, reading: _Reading) -> _Batch:
        from components.audit.index.rows import Rows

        rows = Rows(self.which, None)
        for part in reading.parts:
            rows.extend(part if isinstance(part, Rows) else await asyncio.wrap_future(part))
        last_leaf = await _leaf_before(self.log, reading.end)
        return _Batch(reading.end, last_leaf, rows, reading.gaps, reading.destroyed)

    def _write(self, batch: _Batch, state: IndexState) -> bool:
        """Write a batch, unless another process has; return whether it is written."""
        with self.db.transaction("IMMEDIATE"):
            if self._read_state() != state:
                return False
            batch.rows.insert(self.db)
            self.db.executemany("INSERT OR IGNORE INTO unread VALUES (?)", [(place,) for place in batch.gaps])
            if batch.destroyed:
                from components.audit.index.forget import forget

                forget(self.db, batch.destroyed)
            self._name()
            self.db.execute(
                "UPDATE state SET next_index = ?, last_leaf = ? WHERE log = ?",
                (batch.end, batch.last_leaf, self.which),
            )
        return True

    def _name(self) -> None:
        self.db.execute(
            "INSERT INTO state VALUES (?, ?, 0, ?) ON CONFLICT (log) DO UPDATE SET name = excluded.name"
            " WHERE excluded.name NOT IN ('', state.name)",
            (self.which, self.name, b""),
        )


async def size_of(log: RecordOpener) -> int:
    """Return how many entries of a log are durable, also those of the last second that no checkpoint covers yet."""
    bounds = await log.reader.source.fetch_bounds()
    return max(await log.reader.size(), bounds[1] + 1 if bounds else 0)


async def _leaf_before(log: RecordOpener, position: int) -> bytes:
    """Read the leaf that tells the indexed log from another one."""
    records = await log.reader.fetch(position - 1, 1) if position else []
    return b"".join(encode_leaf(record.leaf) for record in records)
