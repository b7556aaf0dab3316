"""Chunks: whatever is cut, moved, doubled or altered does not open."""

from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from components.archive.blobs.stream import (
    CHUNK_SIZE_BYTES,
    SEALED_CHUNK_SIZE_BYTES,
    ChunkOpener,
    ChunkSealer,
    chunk_place,
    count_chunks,
    sealed_size,
)
from components.archive.seal import SealError
from tests.support.blobs import content
from tests.support.rounds import examples

KEY = bytes(range(32))
EDGES = (0, 1, CHUNK_SIZE_BYTES - 1, CHUNK_SIZE_BYTES, CHUNK_SIZE_BYTES + 1, 3 * CHUNK_SIZE_BYTES)
SIZES = st.one_of(st.sampled_from(EDGES), st.integers(0, 4 * CHUNK_SIZE_BYTES))


def seal(data: bytes, cuts: list[int] | None = None) -> list[bytes]:
    sealer = ChunkSealer(KEY)
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts or []), len(data)]
    chunks = []
    for start, end in pairwise(places):
        chunks += apart(sealer.feed([data[start:end]]))
    return [*chunks, sealer.finish()]


def apart(sealed: bytearray) -> list[bytes]:
    starts = range(0, len(sealed), SEALED_CHUNK_SIZE_BYTES)
    return [bytes(sealed[start : start + SEALED_CHUNK_SIZE_BYTES]) for start in starts]


def open_all(chunks: list[bytes], size: int) -> bytes:
    opener = ChunkOpener(KEY, size)
    if len(chunks) != count_chunks(size):
        raise SealError("another number of chunks")
    return b"".join(opener.open(number, chunk) for number, chunk in enumerate(chunks))


@given(SIZES, st.lists(st.integers(0, 10**6), max_size=12))
def test_however_it_comes_in_it_is_the_same_stream(size: int, cuts: list[int]) -> None:
    data = content(size)
    chunks = seal(data, cuts)
    assert chunks == seal(data)
    assert open_all(chunks, size) == data
    assert len(b"".join(chunks)) == sealed_size(size)
    assert len(chunks) == count_chunks(size)
    for number, chunk in enumerate(chunks):
        start, end = chunk_place(number, size)
        assert b"".join(chunks)[start:end] == chunk


@pytest.mark.slow
def test_byte_by_byte() -> None:
    data = content(CHUNK_SIZE_BYTES + 3)
    sealer = ChunkSealer(KEY)
    chunks = [chunk for byte in data for chunk in apart(sealer.feed([bytes([byte])]))]
    assert [*chunks, sealer.finish()] == seal(data)


def test_the_format_is_the_documents() -> None:
    """Written down a second time: 11 bytes that count, one that tells the last chunk."""
    data = content(CHUNK_SIZE_BYTES + 100)
    first, last = seal(data)
    cipher = AESGCM(KEY)
    assert cipher.decrypt(bytes(11) + b"\0", first, None) == data[:CHUNK_SIZE_BYTES]
    assert cipher.decrypt(bytes(10) + b"\1" + b"\1", last, None) == data[CHUNK_SIZE_BYTES:]
    assert len(first) == SEALED_CHUNK_SIZE_BYTES


@pytest.mark.parametrize("size", [1, CHUNK_SIZE_BYTES, 2 * CHUNK_SIZE_BYTES, 3 * CHUNK_SIZE_BYTES + 7])
def test_a_stream_that_was_cut_does_not_open(size: int) -> None:
    chunks = seal(content(size))
    for shorter in range(0, size, CHUNK_SIZE_BYTES):
        kept = chunks[: count_chunks(shorter)]
        with pytest.raises(SealError):
            open_all(kept, shorter)  # even by somebody who changed the size that is written down
    with pytest.raises(SealError):
        ChunkOpener(KEY, size).open(len(chunks) - 1, chunks[-1][:-1])


def test_a_stream_that_was_lengthened_does_not_open() -> None:
    chunks = seal(content(100))
    with pytest.raises(SealError):
        open_all([*chunks, chunks[0]], CHUNK_SIZE_BYTES + 100)


@examples(40)
@given(st.permutations(range(4)))
def test_chunks_in_another_order_do_not_open(order: list[int]) -> None:
    size = 3 * CHUNK_SIZE_BYTES + 50
    chunks = seal(content(size))
    moved = [chunks[place] for place in order]
    if moved == chunks:
        assert open_all(moved, size) == content(size)
    else:
        with pytest.raises(SealError):
            open_all(moved, size)


@examples(60)
@given(st.integers(1, 2 * CHUNK_SIZE_BYTES), st.data())
def test_any_flipped_bit_is_found(size: int, data: st.DataObject) -> None:
    chunks = seal(content(size))
    number = data.draw(st.integers(0, len(chunks) - 1))
    bit = data.draw(st.integers(0, 8 * len(chunks[number]) - 1))
    damaged = bytearray(chunks[number])
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealError):
        ChunkOpener(KEY, size).open(number, bytes(damaged))


def test_a_chunk_of_another_blob_does_not_open() -> None:
    (chunk,) = seal(content(100))
    with pytest.raises(SealError):
        ChunkOpener(bytes(32), 100).open(0, chunk)
