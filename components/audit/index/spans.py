"""The earliest and the latest time of each block of places, so that a time needs no index of its own."""

from collections.abc import Iterable, Sequence

from components.audit.index.database import Connection

BLOCK_SHIFT = 10
"""A block has 1,024 places."""

_WIDEN = """
INSERT INTO span VALUES (?, ?, ?) ON CONFLICT (block) DO UPDATE SET
    earliest_ns = min(span.earliest_ns, excluded.earliest_ns), latest_ns = max(span.latest_ns, excluded.latest_ns)
"""
_NARROW = """
INSERT INTO span
SELECT ?1, min(received_at_ns), max(received_at_ns) FROM entry WHERE idx BETWEEN ?2 AND ?3 HAVING count(*) > 0
"""
_LAST = "SELECT idx FROM entry WHERE idx < ? AND received_at_ns <= ? ORDER BY idx DESC LIMIT 1"


def widen(db: Connection, entries: Sequence[tuple[int, int]]) -> None:
    """Note the times of new entries, each a place and a time, within the caller's transaction."""
    blocks: dict[int, list[int]] = {}
    for place, at_ns in entries:
        blocks.setdefault(place >> BLOCK_SHIFT, []).append(at_ns)
    db.executemany(_WIDEN, [(block, min(times), max(times)) for block, times in blocks.items()])


def find_places(db: Connection, from_ns: int, until_ns: int) -> range:
    """Return a range of places that has all entries from a time on and before another; it may have more."""
    sql = "SELECT min(block), max(block) FROM span WHERE latest_ns >= ? AND earliest_ns < ?"
    first, last = db.execute(sql, (from_ns, until_ns)).fetchone()
    return range(0) if first is None else range(first << BLOCK_SHIFT, last + 1 << BLOCK_SHIFT)


def find_end(db: Connection, at_ns: int) -> int:
    """Return the place behind the last entry of a time or earlier; entries before it may be later, by a wrong clock."""
    places = find_places(db, -(2**63), at_ns + 1)
    row = db.execute(_LAST, (places.stop, at_ns)).fetchone() if places else None
    return -(2**63) if row is None else int(str(row[0])) + 1


def narrow(db: Connection, places: Iterable[int]) -> None:
    """Work out the times of blocks again from which entries were removed, within the caller's transaction."""
    for block in {place >> BLOCK_SHIFT for place in places}:
        db.execute("DELETE FROM span WHERE block = ?", (block,))
        db.execute(_NARROW, (block, block << BLOCK_SHIFT, (block + 1 << BLOCK_SHIFT) - 1))
