"""The parts of a log: its records and their leaves (docs/archive-format.md, sections 3 and 4)."""

import json
import struct
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple, Protocol

FORMAT = b"steelyard-log/2"
LEAF = struct.Struct(">BBQQIBHI16s32s")
LEAF_VERSION = 2
HASH_SIZE_BYTES = 32
TILE_WIDTH = 256
NS_PER_SECOND = 1_000_000_000

ORDER_DETAILS, FILE, SEGMENT, MANIFEST, ORDER, TOMBSTONE, LOG_KEY = 6, 11, 64, 65, 66, 67, 68
FIRST_UNSEALED_KIND = 64
PERMANENT_CLASS = 255

# A record as it is read: index, leaf, payload.
Row = tuple[int, bytes, bytes | None]


class Leaf(NamedTuple):
    """The fields of a leaf."""

    version: int
    kind: int
    record_index: int
    time_ns: int
    segment: int
    retention_class: int
    position: int
    size_bytes: int
    conversation: bytes
    payload_sha256: bytes

    def names(self, payload: bytes | None) -> bool:
        """Return whether this is the payload that the leaf names."""
        if payload is None or len(payload) != self.size_bytes:
            return False
        return sha256(payload).digest() == self.payload_sha256


class Source(Protocol):
    """Where a log is read from."""

    has_payloads: bool

    def fetch_rows(self, first: int, end: int) -> list[Row]:
        """Return the existing records `first <= index < end`, in order."""

    def fetch_tile(self, level: int, n: int, width: int) -> bytes:
        """Return the first `width` hashes of a tile, or as many as exist."""


def parse_leaf(leaf: object) -> Leaf | None:
    """Parse a leaf; return None if it has another version."""
    if not isinstance(leaf, bytes) or len(leaf) != LEAF.size or leaf[0] != LEAF_VERSION:
        return None
    return Leaf._make(LEAF.unpack(leaf))


def parse_row(row: Row) -> Leaf | None:
    """Parse a record's leaf; return None if it has another version, or names another place."""
    leaf = parse_leaf(row[1])
    return leaf if leaf is not None and leaf.record_index == row[0] else None


def read_json(text: str | bytes) -> Any:
    """Return what a text of JSON says; raises ValueError, also for too deep ones, and for numbers that are none."""
    try:
        return json.loads(text, parse_float=read_float, parse_constant=read_float)
    except RecursionError:
        raise ValueError("too deep inside itself") from None


def read_float(text: str) -> float:
    """Return a number of JSON; raises ValueError for one beyond all numbers, and for NaN."""
    number = float(text)
    if number - number != 0:
        raise ValueError(f"{text[:20]} is no number")
    return number


def parse_object(payload: bytes, types: Mapping[str, type]) -> dict[str, Any] | None:
    """Parse a JSON object in its only encoding; return None if it is not that."""
    try:
        value = read_json(payload)
    except ValueError:
        return None
    if not isinstance(value, dict) or list(value) != list(types):
        return None
    if any(type(value[name]) is not type_ for name, type_ in types.items()):
        return None
    try:
        encoded = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return None
    return value if encoded == payload else None
