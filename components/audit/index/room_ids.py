"""The ids that rooms gave messages, in the index: by these others react to them, answer and retract them (XEP-0359).

A message is recorded before its room has it, so a later record says the id: that of what the server carried out.
"""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from components.audit.index.database import Connection
from components.audit.index.ids import insert_ids
from components.audit.index.marks import resolve_waiting
from components.audit.index.talk import IdRole, key_of
from components.audit.query.ids import hash_id

# `idx` is the place of the message, `source` that of the record that says so.
SCHEMA = """
CREATE TABLE room_id (idx INTEGER PRIMARY KEY, id TEXT NOT NULL, source INTEGER NOT NULL);
CREATE INDEX room_id_source ON room_id (source);
"""
TABLES = ("room_id",)


class RoomId(NamedTuple):
    """The place of a message, the id that a room gave it, and the place of the record that says so."""

    idx: int
    id: str
    source: int


def insert_room_ids(db: Connection, rows: Iterable[RoomId]) -> None:
    """Insert ids of messages that are there, within the caller's transaction, after the messages themselves."""
    for row in rows:
        sql = "INSERT OR IGNORE INTO room_id SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM entry WHERE idx = ?)"
        db.execute(sql, (*row, row.idx))
        if find_room_id(db, row.idx) != row.id:
            continue
        insert_ids(db, [(hash_id(row.id), row.idx)])
        db.execute(
            "INSERT OR IGNORE INTO talk_id VALUES (?, ?, ?)", (key_of(row.id), int(IdRole.OWN), row.idx)
        )
        resolve_waiting(db, row.id)


def find_room_id(db: Connection, place: int) -> str:
    """Return the id that a room gave the message at a place, or an empty text."""
    row = db.execute("SELECT id FROM room_id WHERE idx = ?", (place,)).fetchone()
    return "" if row is None else str(row[0])


def find_room_ids(db: Connection, places: Iterable[int]) -> dict[int, str]:
    """Return the ids that rooms gave the messages at some places."""
    sql = "SELECT idx, id FROM room_id WHERE idx IN (SELECT value FROM json_each(?))"
    return dict(db.execute(sql, (json.dumps(list(places)),)).fetchall())


def forget_room_ids(db: Connection, places: Sequence[int]) -> None:
    """Remove the ids of destroyed messages, and those that a destroyed record says, within the caller's transaction."""
    for place in places:
        found = db.execute(
            "SELECT idx, id FROM room_id WHERE idx = ? OR source = ?", (place, place)
        ).fetchall()
        for idx, id_ in found:
            db.execute("DELETE FROM room_id WHERE idx = ?", (idx,))
            db.execute("DELETE FROM named WHERE hash = ? AND idx = ?", (hash_id(id_), idx))
            key = (key_of(id_), int(IdRole.OWN), idx)
            db.execute("DELETE FROM talk_id WHERE key = ? AND role = ? AND idx = ?", key)
