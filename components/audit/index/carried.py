"""Files inside stanzas, in the index: found by name, type and hash, as uploads are (docs/files.md)."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from policy.files.carried import Carrier, find_carried

SCHEMA = """
CREATE TABLE carried (
    idx INTEGER NOT NULL, media_type TEXT NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (idx, media_type, sha256)
) WITHOUT ROWID;
CREATE INDEX carried_type ON carried (media_type);
CREATE INDEX carried_sha256 ON carried (sha256);
"""


@dataclass(frozen=True, slots=True)
class CarriedRow:
    """A file of the stanza at a place in the index; `sha256` is in hexadecimal, empty where nobody says it."""

    idx: int
    media_type: str
    sha256: str
    name: str


def read_carried(place: int, stanza: bytes) -> list[CarriedRow]:
    """Return the files of a recorded stanza: those in it, and those that it describes.

    A link alone is none: where it leads to a file of the site, that file is found.
    """
    return [
        CarriedRow(place, file.media_type, file.sha256.hex(), file.name)
        for file in find_carried(stanza)
        if file.carrier is not Carrier.LINK
    ]


def insert_carried(db: sqlite3.Connection, rows: Iterable[CarriedRow]) -> None:
    """Insert rows, within the caller's transaction; the words of their names go elsewhere."""
    values = [(row.idx, row.media_type, row.sha256) for row in rows]
    db.executemany("INSERT OR IGNORE INTO carried VALUES (?, ?, ?)", values)
