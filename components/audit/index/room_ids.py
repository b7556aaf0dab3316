"""The ids that rooms gave messages, in the index: by these others react to them, answer and retract them (XEP-0359).

A message is recorded before its room has it, so a later record says the id: that of what the server carried out.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

from components.archive.record import Delivery
from components.audit.index.database import Connection
from components.audit.index.logs import LAST_NUMBER, find_record
from components.audit.index.marks import resolve_waiting
from components.audit.query.ids import hash_id

# `idx` is the place of the message, `source` that of the record that says so. The words of a message cannot be amended.
SCHEMA = """
CREATE TABLE room_id (
    idx INTEGER NOT NULL, id TEXT NOT NULL, hash TEXT NOT NULL, source INTEGER NOT NULL, PRIMARY KEY (idx, source)
) WITHOUT ROWID;
CREATE INDEX room_id_hash ON room_id (hash);
CREATE INDEX room_id_source ON room_id (source);
"""
TABLES = ("room_id",)

_INSERT = (
    "INSERT OR IGNORE INTO room_id SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM entry WHERE idx = ?1)"
)
_GONE = "IN (SELECT value FROM json_each(?1))"
_ALTERED = f"""
DELETE FROM altered WHERE EXISTS (
    SELECT 1 FROM room_id JOIN alters ON alters.hash = room_id.hash
    WHERE room_id.idx = altered.idx AND alters.idx = altered.source AND room_id.source {_GONE}
    AND NOT EXISTS (SELECT 1 FROM room_id AS other WHERE other.idx = room_id.idx AND NOT other.source {_GONE})
)
"""  # noqa: S608 - constant


class RoomId(NamedTuple):
    """The place of a message, the id that a room gave it, its hash, and the place of the record that says so."""

    idx: int
    id: str
    hash: str
    source: int


def read_room_ids(place: int, delivery: Delivery) -> list[RoomId]:
    """Return the ids that the record at a place says: of messages in the same log."""
    log = find_record(place)[0]
    return [
        RoomId(log.place(index), id_, hash_id(id_), place)
        for index, id_ in delivery.archived
        if index <= LAST_NUMBER
    ]


def insert_room_ids(db: Connection, rows: Iterable[RoomId]) -> None:
    """Insert ids of messages that are there, within the caller's transaction, after the messages themselves."""
    rows = list(rows)
    db.executemany(_INSERT, rows)
    resolve_waiting(db, [row.hash for row in rows])


def find_room_id(db: Connection, place: int) -> str:
    """Return the id that a room gave the message at a place, or an empty text."""
    return find_room_ids(db, [place]).get(place, "")


def find_room_ids(db: Connection, places: Iterable[int]) -> dict[int, str]:
    """Return the ids that rooms gave the messages at some places."""
    sql = "SELECT idx, id FROM room_id WHERE idx IN (SELECT value FROM json_each(?))"
    return {int(str(idx)): str(id_) for idx, id_ in db.execute(sql, (json.dumps(list(places)),))}


def forget_room_ids(db: Connection, places: str) -> None:
    """Remove the ids of destroyed messages, and those that a destroyed record says, within the caller's transaction.

    `places` is a JSON array.
    """
    db.execute(_ALTERED, (places,))
    db.execute(f"DELETE FROM room_id WHERE idx {_GONE} OR source {_GONE}", (places,))  # noqa: S608 - constant
