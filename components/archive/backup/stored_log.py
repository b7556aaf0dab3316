"""A log in a store, to be copied, also while its writer runs."""

from collections.abc import Container, Iterable
from typing import Self

from components.archive.backup import PIECE_RECORDS, CopyError, Outline, Piece
from components.archive.log.leaf import LeafError, parse_leaf
from components.archive.store import FORMAT, CheckpointRow, LogSource, MemoRow, RecordRow, SegmentRow

NS_PER_SECOND = 1_000_000_000

_SEGMENTS_AT_ONCE = 1000
_CHECKPOINTS_AT_ONCE = 5000
_MEMOS_AT_ONCE = 1000


class StoredLog:
    """The records that a store held at some moment, from then on (CopySource)."""

    def __init__(self, source: LogSource, outline: Outline) -> None:
        self._source = source
        self._outline = outline

    @classmethod
    async def of(cls, source: LogSource, formats: Container[str | None] = (FORMAT,)) -> Self:
        """Return what the store holds now; raises CopyError for another format, and LogError."""
        meta = await source.fetch_meta()
        if meta.get("format") not in formats:
            raise CopyError(f"the log is in format {meta.get('format')!r}, which cannot be copied here")
        checkpoint = await source.fetch_newest_checkpoint()
        # Then the bounds: so all that the checkpoint covers is within them.
        bounds = await source.fetch_bounds()
        records = bounds[1] + 1 if bounds else 0
        if checkpoint is None or checkpoint.size > records:
            raise CopyError(
                f"{meta.get('origin')}: the log holds {records} records, and no checkpoint of them"
            )
        macs = await source.fetch_macs(checkpoint.size, records)
        return cls(source, Outline(meta.get("origin", ""), records, checkpoint, macs))

    @property
    def outline(self) -> Outline:
        """See CopySource."""
        return self._outline

    async def fetch_piece(self, number: int) -> Piece:
        """See CopySource."""
        first = number * PIECE_RECORDS
        end = min(first + PIECE_RECORDS, self._outline.records)
        records = await self._source.fetch_rows(first, end)
        return Piece(number, records, await self._fetch_checkpoints(number, records))

    async def fetch_segments(self) -> list[SegmentRow]:
        """See CopySource."""
        rows: list[SegmentRow] = []
        for first in range(1, await self._source.fetch_last_segment() + 1, _SEGMENTS_AT_ONCE):
            rows += await self._source.fetch_segments(first, first + _SEGMENTS_AT_ONCE)
        return cut_segments(rows, self._outline.records)

    async def fetch_memos(self) -> list[MemoRow]:
        """See CopySource."""
        rows: list[MemoRow] = []
        before = self._outline.records
        while page := await self._source.fetch_memos(_MEMOS_AT_ONCE, before):
            rows += page
            before = page[-1].first
        return rows[::-1]

    async def _fetch_checkpoints(self, number: int, records: list[RecordRow]) -> list[CheckpointRow]:
        """Find those of a piece by its first record's second: a checkpoint's second is that of its last record."""
        if number and not records:
            return []
        first, newest = number * PIECE_RECORDS, self._outline.checkpoint
        end = min(first + len(records), newest.size)
        second = _second(records[0]) - 1 if number else -1
        found: list[CheckpointRow] = []
        while page := await self._source.fetch_checkpoints_after(second, _CHECKPOINTS_AT_ONCE):
            found += [row for row in page if (row.size > first or not number) and row.size <= end]
            second = page[-1].second
            if page[-1].size >= end:
                break
        if first < newest.size <= end or (not number and not newest.size):
            # The writer may have put a later one of the same second in its place since.
            found = [row for row in found if row.second != newest.second] + [newest]
        return found


def cut_segments(rows: Iterable[SegmentRow], records: int) -> list[SegmentRow]:
    """Return the segments as they were when the log had so many records."""
    return [
        SegmentRow(row.number, row.retention_class, row.first, row.opened_at_ns, None, row.keys)
        if row.manifest is not None and row.manifest >= records
        else row
        for row in rows
        if row.first < records
    ]


def _second(row: RecordRow) -> int:
    try:
        return parse_leaf(row.leaf).time_ns // NS_PER_SECOND
    except LeafError as error:
        raise CopyError(f"record {row.index}: {error}") from error
