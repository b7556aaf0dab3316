import struct
from dataclasses import replace

import pytest

from components.archive.log.leaf import (
    LEAF_SIZE_BYTES,
    NO_CONVERSATION,
    NOT_SEALED,
    Leaf,
    LeafError,
    LeafIndex,
    SegmentNumber,
    encode_header,
    encode_leaf,
    is_payload_of,
    parse_leaf,
)

LEAF = Leaf(
    version=2,
    kind=3,
    index=LeafIndex(0x0102030405060708),
    time_ns=0x1112131415161718,
    segment=SegmentNumber(0x21222324),
    retention_class=0x31,
    position=0x4142,
    size_bytes=0x51525354,
    conversation=bytes(range(0x60, 0x70)),
    payload_sha256=bytes(range(0x80, 0xA0)),
)
HEADER = bytes.fromhex(
    "02 03 0102030405060708 1112131415161718 21222324 31 4142 51525354 606162636465666768696a6b6c6d6e6f"
)
LARGEST = {
    "kind": 2**8 - 1,
    "index": 2**64 - 1,
    "time_ns": 2**64 - 1,
    "segment": 2**32 - 1,
    "retention_class": 2**8 - 1,
    "position": 2**16 - 1,
    "size_bytes": 2**32 - 1,
}


def test_every_field_has_its_place() -> None:
    assert encode_leaf(LEAF) == HEADER + bytes(range(0x80, 0xA0))
    assert parse_leaf(encode_leaf(LEAF)) == LEAF
    assert len(encode_leaf(LEAF)) == LEAF_SIZE_BYTES == 77


def test_the_header_is_all_of_it_but_the_hash() -> None:
    values = (LEAF.kind, LEAF.index, LEAF.time_ns, LEAF.segment, LEAF.retention_class, LEAF.position)
    assert encode_header(*values, LEAF.size_bytes, LEAF.conversation) == HEADER
    assert len(HEADER) == 45


def test_bookkeeping_has_zeros() -> None:
    header = encode_header(64, 1, 2, NOT_SEALED, 0, 0, 3, NO_CONVERSATION)
    assert (
        header.hex() == "0240" + "0000000000000001" + "0000000000000002" + 7 * "00" + "00000003" + 16 * "00"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        encode_leaf(LEAF)[:-1],
        encode_leaf(LEAF) + b"\0",
        *(bytes([version]) + encode_leaf(LEAF)[1:] for version in (0, 1, 3, 255)),
        b"\x01" + bytes(53),  # of format 1
        bytes(77),
    ],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(LeafError):
        parse_leaf(data)


@pytest.mark.parametrize(("field", "largest"), LARGEST.items())
def test_numbers_that_do_not_fit_are_refused(field: str, largest: int) -> None:
    assert getattr(parse_leaf(encode_leaf(replace(LEAF, **{field: largest}))), field) == largest  # type: ignore[arg-type]
    for value in (-1, largest + 1):
        with pytest.raises(struct.error):
            encode_leaf(replace(LEAF, **{field: value}))  # type: ignore[arg-type]


def test_a_payload_is_known_by_length_and_hash() -> None:
    empty = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    leaf = replace(LEAF, size_bytes=0, payload_sha256=empty)
    assert is_payload_of(leaf, b"")
    assert not is_payload_of(leaf, b"x")
    assert not is_payload_of(replace(leaf, size_bytes=1), b"")
