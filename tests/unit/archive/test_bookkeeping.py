from dataclasses import replace

import pytest

from components.archive.bookkeeping import (
    Bookkeeping,
    BookkeepingError,
    Manifest,
    SegmentOpened,
    Tombstone,
    encode_bookkeeping,
    parse_bookkeeping,
)
from components.archive.record import RecordKind

OPENED = SegmentOpened(7, 1, "ab" * 32, ("auditor", "escröw"))
OPENED_BYTES = (
    '{"segment":7,"retention_class":1,"keys_sha256":"' + "ab" * 32 + '","recipients":["auditor","escröw"]}'
).encode()
MANIFEST = Manifest(7, 1, 4096, 100_000, 104_301)
MANIFEST_BYTES = b'{"segment":7,"retention_class":1,"count":4096,"first":100000,"last":104301}'
EXPIRED = Tombstone(7, "20261124T101500Z-3f2a", 4096, (), "")
EXPIRED_BYTES = b'{"segment":7,"order":"20261124T101500Z-3f2a","count":4096,"positions":[],"keys_sha256":""}'
ERASED = Tombstone(7, "20261124T101500Z-3f2b", 2, (3, 17), "cd" * 32)
ERASED_BYTES = (
    b'{"segment":7,"order":"20261124T101500Z-3f2b","count":2,"positions":[3,17],"keys_sha256":"'
    + b"cd" * 32
    + b'"}'
)
ALL = [
    (RecordKind.SEGMENT, OPENED, OPENED_BYTES),
    (RecordKind.MANIFEST, MANIFEST, MANIFEST_BYTES),
    (RecordKind.TOMBSTONE, EXPIRED, EXPIRED_BYTES),
    (RecordKind.TOMBSTONE, ERASED, ERASED_BYTES),
]


@pytest.mark.parametrize(("kind", "record", "payload"), ALL)
def test_the_one_encoding(kind: RecordKind, record: Bookkeeping, payload: bytes) -> None:
    assert encode_bookkeeping(record) == (kind, payload)
    assert parse_bookkeeping(kind, payload) == record


def test_an_empty_segment() -> None:
    empty = replace(MANIFEST, count=0, first=-1, last=-1)
    kind, payload = encode_bookkeeping(empty)
    assert payload.endswith(b'"count":0,"first":-1,"last":-1}')
    assert parse_bookkeeping(kind, payload) == empty


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("a space", b'"count":4096', b'"count": 4096'),
        ("a newline behind", b"}", b"}\n"),
        ("a key twice", b'"count":4096', b'"count":4096,"count":4096'),
        ("a key more", b'"count":4096', b'"count":4096,"more":1'),
        ("a key less", b'"count":4096,', b""),
        ("keys exchanged", b'"segment":7,"retention_class":1', b'"retention_class":1,"segment":7'),
        ("a number as text", b'"count":4096', b'"count":"4096"'),
        ("a number as truth", b'"retention_class":1', b'"retention_class":true'),
        ("a fraction", b'"count":4096', b'"count":4096.0'),
        ("no number", b'"count":4096', b'"count":null'),
        ("not a number", b'"count":4096', b'"count":NaN'),
        ("a zero in front", b'"count":4096', b'"count":04096'),
        ("another number form", b'"count":4096', b'"count":4.096e3'),
        ("a list of it", MANIFEST_BYTES, b"[" + MANIFEST_BYTES + b"]"),
        ("no JSON", b"{", b""),
        ("nothing", MANIFEST_BYTES, b""),
        ("no UTF-8", b'"count":4096', b'"count":"\xff"'),
        ("no end", MANIFEST_BYTES, b"[" * 100_000),
    ],
)
def test_manifests_that_no_encoder_wrote(name: str, old: bytes, new: bytes) -> None:
    assert old in MANIFEST_BYTES
    with pytest.raises(BookkeepingError, match="one encoding"):
        parse_bookkeeping(RecordKind.MANIFEST, MANIFEST_BYTES.replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("an escape that is not needed", b'"auditor"', b'"\\u0061uditor"'),
        ("half a character", b'"auditor"', b'"\\ud800"'),
        ("recipients as text", b'["auditor","escr\xc3\xb6w"]', b'"ab"'),
        ("recipients as object", b'["auditor","escr\xc3\xb6w"]', b'{"auditor":1}'),
        ("a recipient as number", b'"auditor"', b"1"),
        ("a recipient as list", b'"auditor"', b'["auditor"]'),
        ("a digest as number", b'"' + b"ab" * 32 + b'"', b"1"),
    ],
)
def test_beginnings_that_no_encoder_wrote(name: str, old: bytes, new: bytes) -> None:
    assert old in OPENED_BYTES
    with pytest.raises(BookkeepingError):
        parse_bookkeeping(RecordKind.SEGMENT, OPENED_BYTES.replace(old, new, 1))


@pytest.mark.parametrize("positions", [b"null", b"3", b'"3"', b'["3"]', b"[true]", b"[3.0]", b"[[3]]"])
def test_positions_that_no_encoder_wrote(positions: bytes) -> None:
    with pytest.raises(BookkeepingError):
        parse_bookkeeping(RecordKind.TOMBSTONE, ERASED_BYTES.replace(b"[3,17]", positions))


@pytest.mark.parametrize("kind", RecordKind)
def test_a_record_is_of_its_own_kind_only(kind: RecordKind) -> None:
    for own, _, payload in ALL:
        if own is not kind:
            with pytest.raises(BookkeepingError):
                parse_bookkeeping(kind, payload)


def test_bookkeeping_lies_in_the_clear() -> None:
    clear = {
        RecordKind.SEGMENT,
        RecordKind.MANIFEST,
        RecordKind.ORDER,
        RecordKind.TOMBSTONE,
        RecordKind.LOG_KEY,
    }
    assert {kind for kind in RecordKind if not kind.is_sealed} == clear
