"""Reads from a log what a copy of it lacks, also while its writer runs."""

from collections.abc import Sequence

from components.archive.backup import PIECE_RECORDS, Piece
from components.archive.backup.stored_log import cut_segments
from components.archive.errors import LogDamaged
from components.archive.follow import MAX_BATCH_BYTES, MAX_DESTROYING, Batch, CopyState
from components.archive.log.leaf import LeafError, parse_leaf
from components.archive.reader import LogReader
from components.archive.store import CheckpointRow, LogSource, RecordRow, SegmentRow

_SEGMENTS_AT_ONCE = 1000


async def make_batch(source: LogSource, state: CopyState, max_bytes: int = MAX_BATCH_BYTES) -> Batch:
    """Return what follows a copy's state; raises LogUnavailable and LogDamaged."""
    newest = await source.fetch_newest_checkpoint()
    if newest is None:
        raise LogDamaged("the log has no checkpoint")
    proof: Sequence[bytes] = ()
    if 0 < state.signed < newest.size:
        proof = await LogReader(source).consistency_proof(state.signed, newest.size)
    records = await _fetch_records(source, state.records, newest.size, max_bytes)
    end = state.records + len(records)
    checkpoints = await _fetch_checkpoints(source, state, end, newest)
    segments = await _fetch_segments(source, state.segment, end)
    changing, destroyed = await _fetch_destroyed(source, state)
    return Batch(
        origin=(await source.fetch_meta()).get("origin", ""),
        checkpoint=newest,
        proof=proof,
        piece=Piece(0, records, checkpoints),
        segments=cut_segments((*changing, *segments), end),
        destroyed=destroyed,
    )


async def _fetch_records(source: LogSource, first: int, size: int, max_bytes: int) -> list[RecordRow]:
    """Return records that a tree of `size` has, so many bytes of payloads at most, and at least one."""
    end, left_bytes = first, max_bytes
    for leaf in await source.fetch_leaves(first, min(first + PIECE_RECORDS, size)):
        try:
            left_bytes -= parse_leaf(leaf).size_bytes
        except LeafError as error:
            raise LogDamaged(f"record {end}: {error}") from error
        if left_bytes < 0 and end > first:
            break
        end += 1
    return await source.fetch_rows(first, end)


async def _fetch_checkpoints(
    source: LogSource, state: CopyState, end: int, newest: CheckpointRow
) -> list[CheckpointRow]:
    """Return those behind the copy's newest that its records and the new ones have."""
    first = max(state.records, state.signed + 1)
    found = [row for row in await source.fetch_checkpoints(first, PIECE_RECORDS + 1) if row.size <= end]
    if first <= newest.size <= end:
        # The writer may have put a later one of the same second in its place since.
        found = [row for row in found if row.second != newest.second] + [newest]
    return found


async def _fetch_segments(source: LogSource, first: int, end: int) -> list[SegmentRow]:
    """Return the segments from a number on that begin before record `end`."""
    found: list[SegmentRow] = []
    while rows := await source.fetch_segments(first, first + _SEGMENTS_AT_ONCE):
        found += rows
        if rows[-1].first >= end:
            break
        first = rows[-1].number + 1
    return found


async def _fetch_destroyed(source: LogSource, state: CopyState) -> tuple[list[SegmentRow], list[int]]:
    """Return the segments in which the copy has something to destroy, and which of its records it is."""
    rows: list[SegmentRow] = []
    found: set[int] = set()
    for number in state.destroying[:MAX_DESTROYING]:
        for row in await source.fetch_segments(number, number + 1):
            rows.append(row)
            end = state.records if row.manifest is None else min(row.manifest, state.records)
            found.update(await source.fetch_destroyed(row.first, end))
    return rows, sorted(found)
