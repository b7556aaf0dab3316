"""The log's records about itself, in the clear: segments, manifests, tombstones (docs/archive-format.md, 1.2)."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args

from components.archive.record import RecordKind
from components.process.json_text import read_json


class BookkeepingError(ValueError):
    """The bytes are not a record of this kind in its one encoding."""


@dataclass(frozen=True, slots=True)
class SegmentOpened:
    """A segment begins with the next record of its class; `keys_sha256` (hex) is of its envelopes as stored."""

    segment: int
    retention_class: int
    keys_sha256: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A segment has ended: it has `count` records, the first and last of which have these indexes (-1: none)."""

    segment: int
    retention_class: int
    count: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Payloads were destroyed by order `order`, in the same transaction that holds this record.

    Without `positions`: all of the segment and its keys. With them: these records of it only, and
    `keys_sha256` is of the envelopes that open the others.
    """

    segment: int
    order: str
    count: int
    positions: tuple[int, ...]
    keys_sha256: str


Bookkeeping = SegmentOpened | Manifest | Tombstone

_KINDS: dict[type[Bookkeeping], RecordKind] = {
    SegmentOpened: RecordKind.SEGMENT,
    Manifest: RecordKind.MANIFEST,
    Tombstone: RecordKind.TOMBSTONE,
}
_MAKERS = {kind: type_ for type_, kind in _KINDS.items()}
_TUPLES = ("recipients", "positions")


def encode_bookkeeping(record: Bookkeeping) -> tuple[RecordKind, bytes]:
    """Encode as one JSON object, keys in the order of the fields, no white space."""
    return _KINDS[type(record)], json.dumps(
        asdict(record), separators=(",", ":"), ensure_ascii=False
    ).encode()


def parse_bookkeeping(kind: RecordKind, payload: bytes) -> Bookkeeping:
    """Parse a payload of one of these kinds; raises BookkeepingError unless it is in its one encoding."""
    try:
        make: Callable[..., Bookkeeping] = _MAKERS[kind]
        values: dict[str, Any] = read_json(payload)
        for name in _TUPLES:
            if name in values:
                values[name] = tuple(values[name])
        record = make(**values)
        known = _has_its_types(record) and encode_bookkeeping(record) == (kind, payload)
    except (ValueError, TypeError, KeyError):
        known = False
    if not known:
        raise BookkeepingError(f"not a record of kind {kind} in its one encoding")
    return record


def _has_its_types(record: Bookkeeping) -> bool:
    """Return whether each value is of its field's type: JSON has others, and Python does not check."""
    for field in fields(record):
        value = getattr(record, field.name)
        items, type_ = (value, get_args(field.type)[0]) if field.name in _TUPLES else ((value,), field.type)
        if any(type(item) is not type_ for item in items):
            return False
    return True
