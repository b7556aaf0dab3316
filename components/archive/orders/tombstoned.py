"""Knows which records tombstones name: no order destroyed a missing record that they do not name."""

from components.archive.bookkeeping import BookkeepingError, Tombstone, parse_bookkeeping
from components.archive.log.leaf import Leaf, LeafError, parse_leaf
from components.archive.record import RecordKind
from components.archive.store import LogSource

_CHUNK_RECORDS = 4096

# Where a leaf has its kind (docs/archive-format.md, section 3).
_KIND = 1


class Tombstoned:
    """Takes tombstones, and says whether any of them names a place in a segment."""

    def __init__(self) -> None:
        self._whole: set[int] = set()
        self._single: set[tuple[int, int]] = set()

    def add(self, payload: bytes | None) -> None:
        """Take a tombstone's payload; ignore an unreadable one, which the verifier reports."""
        try:
            tombstone = parse_bookkeeping(RecordKind.TOMBSTONE, payload or b"")
        except BookkeepingError:
            return
        if not isinstance(tombstone, Tombstone):
            return
        if tombstone.positions:
            self._single.update((tombstone.segment, position) for position in tombstone.positions)
        else:
            self._whole.add(tombstone.segment)

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return bool(self._whole or self._single)

    def has(self, segment: int, position: int) -> bool:
        """Return whether a tombstone names the record in this place."""
        return segment in self._whole or (segment, position) in self._single

    def covers(self, leaf: Leaf) -> bool:
        """Return whether a tombstone names this record."""
        return self.has(leaf.segment, leaf.position)


async def fetch_tombstoned(source: LogSource, first: int) -> Tombstoned:
    """Read the tombstones from index `first` on, also those that no checkpoint covers yet.

    It reads every leaf from there on, so use it only if records are missing. Raises LogUnavailable and LogDamaged.
    """
    found = Tombstoned()
    bounds = await source.fetch_bounds()
    end = 0 if bounds is None else bounds[1] + 1
    for begin in range(first, end, _CHUNK_RECORDS):
        for leaf in await source.fetch_leaves(begin, min(end, begin + _CHUNK_RECORDS)):
            if leaf[_KIND] == RecordKind.TOMBSTONE:
                found.add(await _fetch_payload(source, leaf))
    return found


async def _fetch_payload(source: LogSource, leaf: bytes) -> bytes | None:
    try:
        index = parse_leaf(leaf).index
    except LeafError:
        return None
    rows = await source.fetch_rows(index, index + 1)
    return rows[0].payload if rows else None
