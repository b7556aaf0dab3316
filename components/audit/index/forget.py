"""Removes destroyed records from the index, so that nothing of them is left in its files."""

from collections.abc import Iterable, Sequence

from components.archive.bookkeeping import BookkeepingError, Tombstone, parse_bookkeeping
from components.archive.orders.contents import fetch_segment, read_segment
from components.archive.record import RecordKind
from components.archive.store import LogSource
from components.audit.index import facets, spans
from components.audit.index.context import forget_context
from components.audit.index.database import Connection
from components.audit.index.purge import forget_words
from components.audit.index.routes import forget_routes
from components.audit.index.talk import forget_moves

_TABLES_BY_IDX = (
    "rule",
    "topic",
    "delivery",
    "bounced",
    "unread",
    "file",
    "link",
    "carried",
    "description",
    "entry",
)
_UNNAMED = """
SELECT id FROM content WHERE id NOT IN (SELECT content FROM file)
AND id NOT IN (SELECT content FROM carried WHERE content IS NOT NULL)
"""
_MARKS = "SELECT rule, idx FROM rule WHERE idx = ?1 UNION SELECT rule, idx FROM topic WHERE idx = ?1"


async def find_destroyed(source: LogSource, payload: bytes) -> list[int]:
    """Return the indexes of the records that a tombstone names; raises LogUnavailable and LogDamaged."""
    try:
        tombstone = parse_bookkeeping(RecordKind.TOMBSTONE, payload)
    except BookkeepingError:
        return []  # the verifier's to tell
    if not isinstance(tombstone, Tombstone) or not (row := await fetch_segment(source, tombstone.segment)):
        return []
    positions = set(tombstone.positions)
    leaves = (await read_segment(source, row)).leaves
    return [leaf.index for leaf in leaves if not positions or leaf.position in positions]


def forget(db: Connection, indexes: Iterable[int]) -> None:
    """Remove records, by their places, from every table, within the caller's transaction; `purge` has to follow.

    What a file says goes with the last record of a file of this content.
    """
    keys = [(index,) for index in indexes]
    epochs = _find_epochs(db, keys)
    entries = _take_from_counters(db, keys)
    for table in _TABLES_BY_IDX:
        db.executemany(f"DELETE FROM {table} WHERE idx = ?", keys)  # noqa: S608 - constant names
    for table in ("word", "name_word"):
        db.executemany(f"DELETE FROM {table} WHERE rowid = ?", keys)  # noqa: S608 - constant names
    db.executemany("DELETE FROM description WHERE source = ?", keys)
    forget_context(db, (index for (index,) in keys))
    forget_moves(db, (index for (index,) in keys))
    db.executemany("INSERT OR IGNORE INTO destroyed VALUES (?)", keys)
    forget_routes(db, {route for route, _ in entries})
    db.execute(
        "DELETE FROM thread WHERE NOT EXISTS (SELECT 1 FROM entry WHERE thread = thread.id AND thread != 0)"
    )
    spans.narrow(db, [index for (index,) in keys])
    for epoch in epochs:
        _settle_epoch(db, epoch)
    gone = db.execute(_UNNAMED).fetchall()
    forget_words(db, [id_ for (id_,) in gone])
    db.executemany("DELETE FROM content WHERE id = ?", gone)
    db.execute("UPDATE made SET purge_due = 1")


def _take_from_counters(db: Connection, keys: Sequence[tuple[int]]) -> list[tuple[int, int]]:
    """Count these records no more; return the route and the time of each that is an entry."""
    facets.add_rules(db, [mark for key in keys for mark in db.execute(_MARKS, key)], by=-1)
    sql = "SELECT route, received_at_ns FROM entry WHERE idx = ?"
    entries = [row for key in keys for row in db.execute(sql, key)]
    facets.add_entries(db, entries, by=-1)
    return entries


def _find_epochs(db: Connection, keys: Sequence[tuple[int]]) -> set[int]:
    return {epoch for key in keys for (epoch,) in db.execute("SELECT epoch FROM delivery WHERE idx = ?", key)}


def _settle_epoch(db: Connection, epoch: int) -> None:
    """Say of an epoch what the deliveries that are left say."""
    (through,) = db.execute("SELECT max(through) FROM delivery WHERE epoch = ?", (epoch,)).fetchone()
    if through is None:
        db.execute("DELETE FROM epoch WHERE id = ?", (epoch,))
    else:
        db.execute("UPDATE epoch SET through = ? WHERE id = ?", (through, epoch))
