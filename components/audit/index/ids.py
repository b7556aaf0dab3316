"""The ids of stanzas, in the index: found by their own, their origin's, and those that archives gave them."""

import sqlite3
from collections.abc import Iterable
from hashlib import blake2b

from components.audit.marks import Marks

# Ids are long and differ all, so the index has 8 bytes of each one's hash: of a thousand million ids, none but one in
# twenty thousand million would be taken for another one.
SCHEMA = """
CREATE TABLE named (hash INTEGER NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (hash, idx)) WITHOUT ROWID;
"""
TABLES = ("named",)


def hash_id(id_: str) -> int:
    """Return the number by which the index finds an id."""
    digest = blake2b(id_.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def ids_of(marks: Marks) -> set[str]:
    """Return all ids of a stanza."""
    return {marks.id, marks.origin_id, *(id_ for _, id_ in marks.stanza_ids)} - {""}


def insert_ids(db: sqlite3.Connection, rows: Iterable[tuple[int, int]]) -> None:
    """Insert hashes of ids, each with a place, within the caller's transaction."""
    db.executemany("INSERT OR IGNORE INTO named VALUES (?, ?)", rows)


def forget_ids(db: sqlite3.Connection, places: str) -> None:
    """Remove the ids of destroyed records, within the caller's transaction; `places` is a JSON array."""
    db.execute("DELETE FROM named WHERE idx IN (SELECT value FROM json_each(?))", (places,))
