import struct

import pytest

from components.archive.log.leaf import Leaf, LeafError, LeafIndex, encode_leaf, is_payload_of, parse_leaf

LEAF = Leaf(1, 3, LeafIndex(0x0102030405060708), 0x1112131415161718, 0x21222324, bytes(range(0x40, 0x60)))


def test_every_field_has_its_place() -> None:
    expected = "01 03 0102030405060708 1112131415161718 21222324" + bytes(range(0x40, 0x60)).hex()
    assert encode_leaf(LEAF) == bytes.fromhex(expected)
    assert parse_leaf(encode_leaf(LEAF)) == LEAF


@pytest.mark.parametrize(
    "data",
    [b"", encode_leaf(LEAF)[:-1], encode_leaf(LEAF) + b"\0", b"\x02" + encode_leaf(LEAF)[1:], b"\x00" * 54],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(LeafError):
        parse_leaf(data)


@pytest.mark.parametrize("field", [{"index": -1}, {"index": 2**64}, {"kind": 256}, {"size_bytes": 2**32}])
def test_numbers_that_do_not_fit_are_refused(field: dict[str, int]) -> None:
    values = {"version": 1, "kind": 1, "index": 0, "time_ns": 0, "size_bytes": 0, **field}
    with pytest.raises(struct.error):
        encode_leaf(Leaf(payload_sha256=bytes(32), **values))  # type: ignore[arg-type]


def test_a_payload_is_known_by_length_and_hash() -> None:
    empty = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    leaf = Leaf(1, 1, LeafIndex(0), 0, 0, empty)
    assert is_payload_of(leaf, b"")
    assert not is_payload_of(leaf, b"x")
    assert not is_payload_of(Leaf(1, 1, LeafIndex(0), 0, 1, empty), b"")
