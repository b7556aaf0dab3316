"""Properties of sealing and of bookkeeping, whatever is sealed and whatever bit is changed."""

import contextlib
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import assume, given
from hypothesis import strategies as st

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
from components.archive.seal import (
    Seal,
    SealError,
    SegmentKeys,
    advance,
    encode_segment_keys,
    open_payload,
    open_segment_keys,
    parse_segment_keys,
    seal_segment_keys,
)
from tests.support.archive import AUDITOR, ESCROW, ORIGIN, RECIPIENTS
from tests.support.rounds import examples

keys_of_records = st.binary(min_size=32, max_size=32)
headers = st.binary(min_size=45, max_size=45)
positions = st.integers(0, 2**16 - 1)
keys_of_segments = st.builds(
    SegmentKeys, positions, keys_of_records, st.dictionaries(positions, keys_of_records, max_size=5)
)
numbers = st.integers(-1, 2**63 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
records = st.one_of(
    st.builds(SegmentOpened, numbers, numbers, texts, st.lists(texts, max_size=3).map(tuple)),
    st.builds(Manifest, numbers, numbers, numbers, numbers, numbers),
    st.builds(Tombstone, numbers, texts, numbers, st.lists(numbers, max_size=3).map(tuple), texts),
)


def flip(data: bytes, bit: int) -> bytes:
    return (int.from_bytes(data) ^ 1 << bit % (8 * len(data))).to_bytes(len(data))


@given(keys_of_records, headers, st.binary(max_size=200))
def test_what_is_sealed_opens(key: bytes, header: bytes, payload: bytes) -> None:
    sealed = Seal(AESGCM(key), key).seal(header, payload)
    assert open_payload(key, header, sealed) == payload
    assert len(payload) < 8 or payload not in sealed


@given(keys_of_records, headers, st.binary(max_size=200), st.integers(0, 2**16), st.integers(0, 2))
def test_any_bit_of_it_or_its_header_or_its_key_is_noticed(
    key: bytes, header: bytes, payload: bytes, bit: int, part: int
) -> None:
    parts = [key, header, Seal(AESGCM(key), key).seal(header, payload)]
    parts[part] = flip(parts[part], bit)
    with pytest.raises(SealError):
        open_payload(*parts)


@given(keys_of_records, headers, st.binary(max_size=100))
def test_any_bytes_are_refused(key: bytes, header: bytes, sealed: bytes) -> None:
    with pytest.raises(SealError):
        open_payload(key, header, sealed)


@given(keys_of_records, st.integers(1, 200))
def test_no_key_of_a_chain_comes_twice(chain: bytes, length: int) -> None:
    seen = {chain}
    for _ in range(length):
        record_key, following = advance(chain)
        assert (record_key, following) == (
            sha256(b"\x01" + chain).digest(),
            sha256(b"\x02" + chain).digest(),
        )
        seen |= {record_key, following}
        chain = following
    assert len(seen) == 2 * length + 1


@given(keys_of_segments)
def test_a_segments_keys_come_back(keys: SegmentKeys) -> None:
    assert parse_segment_keys(encode_segment_keys(keys)) == keys


@given(st.binary(max_size=200))
def test_any_bytes_are_keys_or_an_error(data: bytes) -> None:
    with contextlib.suppress(SealError):
        parse_segment_keys(data)


@given(keys_of_segments, st.integers(1, 2**32 - 1), st.sampled_from([AUDITOR, ESCROW]))
def test_envelopes_open_for_each_recipient(keys: SegmentKeys, segment: int, holder: object) -> None:
    envelopes = seal_segment_keys(keys, ORIGIN, segment, RECIPIENTS)
    assert open_segment_keys(envelopes, ORIGIN, segment, [holder]) == keys  # type: ignore[list-item]


@examples(300)
@given(keys_of_segments, st.integers(0, 2**20))
def test_any_bit_of_the_envelopes_gives_no_other_keys(keys: SegmentKeys, bit: int) -> None:
    """A name, and what is sealed to somebody else, may differ: their digest is in the log for that."""
    envelopes = flip(seal_segment_keys(keys, ORIGIN, 1, RECIPIENTS), bit)
    opened = 0
    for holder in (AUDITOR, ESCROW):
        with contextlib.suppress(SealError):
            assert open_segment_keys(envelopes, ORIGIN, 1, [holder]) == keys
            opened += 1
    if opened == 2:
        assert not (b'"name":"auditor"' in envelopes and b'"name":"escrow"' in envelopes)


@given(st.binary(max_size=120))
def test_any_bytes_are_no_envelope(sealed: bytes) -> None:
    with pytest.raises(SealError):
        AUDITOR.open_envelope(sealed, b"info")


@given(records)
def test_bookkeeping_comes_back(record: Bookkeeping) -> None:
    assert parse_bookkeeping(*encode_bookkeeping(record)) == record


@given(records, st.integers(0, 2**20))
def test_any_bit_of_bookkeeping_makes_another_record_or_none(record: Bookkeeping, bit: int) -> None:
    kind, payload = encode_bookkeeping(record)
    changed = flip(payload, bit)
    try:
        other = parse_bookkeeping(kind, changed)
    except BookkeepingError:
        return
    assert other != record
    assert encode_bookkeeping(other) == (kind, changed)


@given(st.sampled_from(RecordKind), st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_no_bookkeeping(kind: RecordKind, payload: bytes) -> None:
    assume(not payload.startswith(b'{"segment":'))
    with pytest.raises(BookkeepingError):
        parse_bookkeeping(kind, payload)
