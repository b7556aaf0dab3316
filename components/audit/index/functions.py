"""What the index's SQL calls that SQLite does not have."""

import sqlite3

from components.audit.index.ids import hash_id
from components.audit.index.logs import IndexedLog


def add_functions(db: sqlite3.Connection) -> None:
    """Make known what compiled queries call: `bits_apart`, `place_of` and `hash_of`."""
    db.create_function("bits_apart", 2, _bits_apart, deterministic=True)
    db.create_function("place_of", 2, _place_of, deterministic=True)
    db.create_function("hash_of", 1, hash_id, deterministic=True)


def _bits_apart(one: bytes | None, other: bytes | None) -> int | None:
    """Count the bits in which two hashes of pictures differ; nothing for what is no picture."""
    if one is None or other is None:
        return None
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def _place_of(log: int, number: int) -> int:
    return IndexedLog(log).place(number)
