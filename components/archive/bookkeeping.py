"""The log's records about itself, in the clear: segments, manifests, tombstones (docs/archive-format.md, 1.2)."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from components.archive.record import RecordKind

PERMANENT_CLASS = 255
"""The retention class of what is never destroyed: orders, and what they say."""


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
_TUPLES = ("recipients", "positions")


def encode_bookkeeping(record: Bookkeeping) -> tuple[RecordKind, bytes]:
    """Encode as one JSON object, keys in the order of the fields, no white space."""
    return _KINDS[type(record)], json.dumps(
        asdict(record), separators=(",", ":"), ensure_ascii=False
    ).encode()


def parse_bookkeeping(kind: RecordKind, payload: bytes) -> Bookkeeping:
    """Parse a payload of one of these kinds; raises BookkeepingError unless it is in its one encoding."""
    make: Callable[..., Bookkeeping] = next(type_ for type_, known in _KINDS.items() if known == kind)
    try:
        fields: dict[str, Any] = json.loads(payload)
        for name in _TUPLES:
            if name in fields:
                fields[name] = tuple(fields[name])
        record = make(**fields)
    except (ValueError, TypeError):
        raise BookkeepingError(f"not a record of kind {kind}") from None
    if encode_bookkeeping(record) != (kind, payload):
        raise BookkeepingError(f"a record of kind {kind} in another encoding than its one")
    return record
