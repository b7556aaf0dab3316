"""The leaf: what the tree commits to about one record (docs/archive-format.md, section 3)."""

import struct
from dataclasses import dataclass
from hashlib import sha256
from typing import NewType

LeafIndex = NewType("LeafIndex", int)
SegmentNumber = NewType("SegmentNumber", int)

LEAF_VERSION = 2
LEAF_SIZE_BYTES = 77

NO_CONVERSATION = bytes(16)
NOT_SEALED = SegmentNumber(0)

_HEADER = struct.Struct(">BBQQIBHI16s")
_LEAF = struct.Struct(">BBQQIBHI16s32s")


class LeafError(ValueError):
    """The bytes are not a leaf of a version that is known here."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One record as the tree sees it; the payload lies outside, so that it can go while the proof stays.

    `time_ns` is the writer's clock (Unix time), never less than the leaf's before; `kind` means nothing here.
    `size_bytes` and `payload_sha256` are of the payload as it is stored: sealed as number `position` of `segment`,
    or in the clear where that is NOT_SEALED. `conversation` is a keyed hash (16 bytes) or NO_CONVERSATION.
    """

    version: int
    kind: int
    index: LeafIndex
    time_ns: int
    segment: SegmentNumber
    retention_class: int
    position: int
    size_bytes: int
    conversation: bytes
    payload_sha256: bytes


def encode_header(
    kind: int,
    index: int,
    time_ns: int,
    segment: int,
    retention_class: int,
    position: int,
    size_bytes: int,
    conversation: bytes,
) -> bytes:
    """Encode all of a leaf but the hash at its end: what a sealed payload is bound to (45 bytes).

    Raises struct.error if a number does not fit its field.
    """
    return _HEADER.pack(
        LEAF_VERSION, kind, index, time_ns, segment, retention_class, position, size_bytes, conversation
    )


def encode_leaf(leaf: Leaf) -> bytes:
    """Encode a leaf: 77 bytes, big-endian. Raises struct.error if a number does not fit its field."""
    return (
        encode_header(
            leaf.kind,
            leaf.index,
            leaf.time_ns,
            leaf.segment,
            leaf.retention_class,
            leaf.position,
            leaf.size_bytes,
            leaf.conversation,
        )
        + leaf.payload_sha256
    )


def parse_leaf(data: bytes) -> Leaf:
    """Parse a leaf; raises LeafError when the length or the version is another."""
    if len(data) != LEAF_SIZE_BYTES or data[0] != LEAF_VERSION:
        raise LeafError(f"not a leaf of version {LEAF_VERSION}: {len(data)} bytes")
    version, kind, index, time_ns, segment, retention_class, position, size, conversation, digest = (
        _LEAF.unpack(data)
    )
    return Leaf(
        version,
        kind,
        LeafIndex(index),
        time_ns,
        SegmentNumber(segment),
        retention_class,
        position,
        size,
        conversation,
        digest,
    )


def is_payload_of(leaf: Leaf, payload: bytes) -> bool:
    """Return whether these are the stored bytes that the leaf names."""
    return len(payload) == leaf.size_bytes and sha256(payload).digest() == leaf.payload_sha256
