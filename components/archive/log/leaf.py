"""The leaf: what the tree commits to about one record (docs/archive-format.md, section 2)."""

import struct
from dataclasses import dataclass
from hashlib import sha256
from typing import NewType

LeafIndex = NewType("LeafIndex", int)

LEAF_VERSION = 1
LEAF_SIZE_BYTES = 54

_LEAF = struct.Struct(">BBQQI32s")


class LeafError(ValueError):
    """The bytes are not a leaf of a version that is known here."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One record as the tree sees it; the payload lies outside, so that it can go while the proof stays.

    `time_ns` is the writer's clock (Unix time), never less than the leaf's before; `kind` means nothing here.
    """

    version: int
    kind: int
    index: LeafIndex
    time_ns: int
    size_bytes: int
    payload_sha256: bytes


def encode_leaf(leaf: Leaf) -> bytes:
    """Encode a leaf: 54 bytes, big-endian. Raises struct.error if a number does not fit its field."""
    return _LEAF.pack(leaf.version, leaf.kind, leaf.index, leaf.time_ns, leaf.size_bytes, leaf.payload_sha256)


def parse_leaf(data: bytes) -> Leaf:
    """Parse a leaf; raises LeafError when the length or the version is another."""
    if len(data) != LEAF_SIZE_BYTES or data[0] != LEAF_VERSION:
        raise LeafError(f"not a leaf of version {LEAF_VERSION}: {len(data)} bytes")
    version, kind, index, time_ns, size_bytes, payload_sha256 = _LEAF.unpack(data)
    return Leaf(version, kind, LeafIndex(index), time_ns, size_bytes, payload_sha256)


def is_payload_of(leaf: Leaf, payload: bytes) -> bool:
    """Tell whether these are the bytes that the leaf names."""
    return len(payload) == leaf.size_bytes and sha256(payload).digest() == leaf.payload_sha256
