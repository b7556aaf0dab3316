"""What must leave a backup: tombstones name it, and each run looks for it until it is gone.

A destruction begins with a tombstone and the keys, and may remove the payloads in several commits; a backup may be
made between any two of them.
"""

from collections.abc import Iterable, Mapping

from components.archive.backup import PIECE_RECORDS, CopyError, Piece
from components.archive.bookkeeping import BookkeepingError, Tombstone, parse_bookkeeping
from components.archive.log.leaf import LeafError, parse_leaf
from components.archive.record import RecordKind
from components.archive.store import SegmentRow

Watched = Mapping[int, frozenset[int]]
"""Positions, by segment, whose payloads must go; no positions mean the whole segment."""

KIND_PLACE = 1
"""Which of a leaf's bytes is its kind (docs/archive-format.md, section 3)."""


def find_tombstones(piece: Piece, first: int) -> dict[int, frozenset[int]]:
    """Read the tombstones of a piece from index `first` on; raises CopyError."""
    found: dict[int, frozenset[int]] = {}
    for row in piece.records:
        if row.index < first or row.payload is None or row.leaf[KIND_PLACE] != RecordKind.TOMBSTONE:
            continue
        try:
            tombstone = parse_bookkeeping(RecordKind.TOMBSTONE, row.payload)
        except BookkeepingError as error:
            raise CopyError(f"record {row.index}: {error}") from error
        if isinstance(tombstone, Tombstone):
            found = join_watched(found, {tombstone.segment: frozenset(tombstone.positions)})
    return found


def join_watched(one: Watched, other: Watched) -> dict[int, frozenset[int]]:
    """Return the union of the two."""
    joined = dict(one)
    for segment, positions in other.items():
        known = joined.get(segment)
        joined[segment] = (
            positions if known is None else known | positions if known and positions else frozenset()
        )
    return joined


def holds_destroyed(piece: Piece, segment: int, positions: frozenset[int]) -> bool:
    """Return whether a piece has one of these payloads; raises CopyError."""
    try:
        leaves = (parse_leaf(row.leaf) for row in piece.records if row.payload is not None)
        return any(
            leaf.segment == segment and (not positions or leaf.position in positions) for leaf in leaves
        )
    except LeafError as error:
        raise CopyError(f"piece {piece.number}: {error}") from error


def pieces_of(row: SegmentRow, records: int) -> range:
    """Return the numbers of the pieces that can hold a segment's records."""
    last = records - 1 if row.manifest is None else row.manifest
    return range(row.first // PIECE_RECORDS, last // PIECE_RECORDS + 1)


def changed_segments(before: Iterable[SegmentRow], after: Iterable[SegmentRow]) -> list[SegmentRow]:
    """Return the segments of `after` whose keys have changed: a destruction has begun in them."""
    keys = {row.number: row.keys for row in before}
    return [row for row in after if row.number in keys and keys[row.number] != row.keys]
