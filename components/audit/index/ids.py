"""The ids of stanzas, in the index: found by their own, their origin's, and those that archives gave them."""

from collections.abc import Iterable

from components.audit.index.database import Connection
from components.audit.marks import Marks

# Ids are long and differ all, so the index has 8 bytes of each one's hash: of a thousand million ids, none but one in
# twenty thousand million would be taken for another one.
SCHEMA = """
CREATE TABLE named (hash INTEGER NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (hash, idx)) WITHOUT ROWID;
"""
TABLES = ("named",)


def ids_of(marks: Marks) -> set[str]:
    """Return all ids of a stanza."""
    return {marks.id, marks.origin_id, *(id_ for _, id_ in marks.stanza_ids)} - {""}


def insert_ids(db: Connection, rows: Iterable[tuple[int, int]]) -> None:
    """Insert hashes of ids, each with a place, within the caller's transaction."""
    db.executemany("INSERT OR IGNORE INTO named VALUES (?, ?)", rows)


def forget_ids(db: Connection, places: str) -> None:
    """Remove the ids of destroyed records, within the caller's transaction; `places` is a JSON array."""
    db.execute("DELETE FROM named WHERE idx IN (SELECT value FROM json_each(?))", (places,))
