"""Taking destroyed records out of the index, so that nothing of them is left in its files."""

import sqlite3
from collections.abc import Iterable

from components.archive.bookkeeping import BookkeepingError, Tombstone, parse_bookkeeping
from components.archive.orders.contents import fetch_segment, read_segment
from components.archive.record import RecordKind
from components.archive.store import LogSource

# How much of FTS5's own pages one step of merging rewrites, while other searches wait.
_PAGES_PER_STEP = 500

_TABLES_BY_IDX = ("submission", "rule", "topic", "delivery", "bounced", "unread", "folded")


async def find_destroyed(source: LogSource, payload: bytes) -> list[int]:
    """Return the indexes of the records that a tombstone is about; raises LogUnavailable and LogDamaged."""
    try:
        tombstone = parse_bookkeeping(RecordKind.TOMBSTONE, payload)
    except BookkeepingError:
        return []  # the verifier's to tell
    if not isinstance(tombstone, Tombstone) or not (row := await fetch_segment(source, tombstone.segment)):
        return []
    positions = set(tombstone.positions)
    leaves = (await read_segment(source, row)).leaves
    return [leaf.index for leaf in leaves if not positions or leaf.position in positions]


def forget(db: sqlite3.Connection, indexes: Iterable[int]) -> None:
    """Take records out of every table, within the caller's transaction; `purge` has to follow."""
    keys = [(index,) for index in indexes]
    # FTS5 takes out only what it is told word for word.
    db.executemany(
        "INSERT INTO word (word, rowid, text, look) SELECT 'delete', idx, text, look FROM folded WHERE idx = ?",
        keys,
    )
    for table in _TABLES_BY_IDX:
        db.executemany(f"DELETE FROM {table} WHERE idx = ?", keys)  # noqa: S608 - constant names
    db.executemany("INSERT OR IGNORE INTO destroyed VALUES (?)", keys)
    db.execute("UPDATE state SET purge_due = 1")


def purge(db: sqlite3.Connection) -> None:
    """Let nothing of what was forgotten stay in FTS5's pages or the write-ahead log; does nothing when that is so.

    FTS5 only notes down that a word is gone, until it merges. So all of it is merged, a few pages at a time.
    """
    if db.execute("SELECT purge_due FROM state").fetchone() == (0,):
        return
    pages = -_PAGES_PER_STEP  # negative: begin to merge all there is
    while True:
        before = db.total_changes
        db.execute("INSERT INTO word (word, rank) VALUES ('merge', ?)", (pages,))
        if db.total_changes - before < 2:  # as FTS5's documentation tells the end of it
            break
        pages = _PAGES_PER_STEP
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("UPDATE state SET purge_due = 0")
