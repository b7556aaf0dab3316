"""Removes destroyed records from the index, so that nothing of them is left in its files."""

import sqlite3
from collections.abc import Iterable

from components.archive.bookkeeping import BookkeepingError, Tombstone, parse_bookkeeping
from components.archive.orders.contents import fetch_segment, read_segment
from components.archive.record import RecordKind
from components.archive.store import LogSource
from components.audit.index.talk import forget_talk

# How many of FTS5's pages one merging step rewrites while other searches wait.
_PAGES_PER_STEP = 500

_WORD_TABLES = ("word", "content_word")
_TABLES_BY_IDX = (
    "submission",
    "rule",
    "topic",
    "delivery",
    "bounced",
    "unread",
    "folded",
    "file",
    "link",
    "carried",
    "description",
)
_UNNAMED = """
SELECT id FROM content WHERE id NOT IN (SELECT content FROM file)
AND id NOT IN (SELECT content FROM carried WHERE content IS NOT NULL)
"""


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


def forget(db: sqlite3.Connection, indexes: Iterable[int]) -> None:
    """Remove records, by their places, from every table, within the caller's transaction; `purge` has to follow.

    What a file says goes with the last record of a file of this content.
    """
    keys = [(index,) for index in indexes]
    # FTS5 removes a text only if it gets exactly this text again.
    db.executemany(
        "INSERT INTO word (word, rowid, text, look, name, name_look)"
        " SELECT 'delete', idx, text, look, name, name_look FROM folded WHERE idx = ?",
        keys,
    )
    for table in _TABLES_BY_IDX:
        db.executemany(f"DELETE FROM {table} WHERE idx = ?", keys)  # noqa: S608 - constant names
    db.executemany("DELETE FROM description WHERE source = ?", keys)
    forget_talk(db, (key for (key,) in keys))
    db.executemany("INSERT OR IGNORE INTO destroyed VALUES (?)", keys)
    gone = db.execute(_UNNAMED).fetchall()
    forget_words(db, [id_ for (id_,) in gone])
    db.executemany("DELETE FROM content WHERE id = ?", gone)
    db.execute("UPDATE made SET purge_due = 1")


def forget_words(db: sqlite3.Connection, contents: Iterable[int]) -> None:
    """Remove what files say, within the caller's transaction."""
    keys = [(id_,) for id_ in contents]
    db.executemany(
        "INSERT INTO content_word (content_word, rowid, text, look)"
        " SELECT 'delete', id, text, look FROM content_folded WHERE id = ?",
        keys,
    )
    db.executemany("DELETE FROM content_folded WHERE id = ?", keys)


def purge(db: sqlite3.Connection) -> None:
    """Remove the rest of deleted records from FTS5's pages and the write-ahead log, if there is any.

    FTS5 only marks a word as deleted until it merges. So this merges all of FTS5, a few pages at a time.
    """
    if db.execute("SELECT purge_due FROM made").fetchone() == (0,):
        return
    for table in _WORD_TABLES:
        pages = -_PAGES_PER_STEP  # negative: begin to merge all there is
        while True:
            before = db.total_changes
            db.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('merge', ?)", (pages,))  # noqa: S608
            if db.total_changes - before < 2:  # FTS5's documentation says how to recognise the end
                break
            pages = _PAGES_PER_STEP
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("UPDATE made SET purge_due = 0")
