"""Properties of cosignatures and of the witness, whatever is changed and whoever asks in which order."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.archive.log.checkpoint import verify_checkpoint
from components.archive.log.cosignature import cosign_checkpoint, verify_cosignatures
from components.witness.add_checkpoint import (
    MAX_PROOF_HASHES,
    AddCheckpoint,
    AddCheckpointError,
    encode_add_checkpoint,
    parse_add_checkpoint,
)
from components.witness.cosign import Witness
from tests.support.archive import ORIGIN, START_S, VERIFIER_KEY
from tests.support.rounds import examples
from tests.support.witness import COSIGNER_KEYS, COSIGNERS, MemoryLog, make_witness

LOG = MemoryLog()
NOTE = LOG.note(5)
TEXT = NOTE.partition("\n\n")[0] + "\n"
COSIGNED = NOTE + "".join(cosign_checkpoint(TEXT, cosigner, START_S) for cosigner in COSIGNERS)

sizes = st.integers(0, 40)
logs = st.builds(MemoryLog, st.sampled_from("abc"), st.sampled_from([0, 3, 17]))


@contextmanager
def new_witness() -> Iterator[Witness]:
    with tempfile.TemporaryDirectory() as folder:
        witness, state = make_witness(Path(folder))
        yield witness
        state.close()


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def is_cosigned(note: bytes) -> bool:
    """Tell whether the log's signature and a cosignature by each key are there and right."""
    try:
        text = note.decode()
        verify_checkpoint(text, VERIFIER_KEY)
        found = {each.key.key_id for each in verify_cosignatures(text, COSIGNER_KEYS)}
    except ValueError:  # NoteError, CheckpointError, UnicodeDecodeError: refused, and nothing else
        return False
    return found == {key.key_id for key in COSIGNER_KEYS}


def test_the_note_is_cosigned() -> None:
    assert is_cosigned(COSIGNED.encode())


@examples(400)
@given(st.integers(0, len(COSIGNED.encode()) * 8 - 1))
def test_any_flipped_bit_of_a_cosigned_note_is_refused(bit: int) -> None:
    assert not is_cosigned(flip(COSIGNED.encode(), bit))


@given(st.integers(0, len(COSIGNED)), st.text(max_size=3))
def test_whatever_is_put_into_a_cosigned_note_raises_nothing_else(place: int, text: str) -> None:
    is_cosigned((COSIGNED[:place] + text + COSIGNED[place:]).encode())


@pytest.mark.slow
@examples(200)
@given(st.data())
def test_any_flipped_bit_of_a_request_is_refused(data: st.DataObject) -> None:
    with new_witness() as witness:
        assert witness.add_checkpoint(LOG.request(0, 5)).status == 200
        body = LOG.request(5, 13)
        bit = data.draw(st.integers(0, len(body) * 8 - 1))
        assert witness.add_checkpoint(flip(body, bit)).status in (400, 403, 404, 409, 422)
        assert witness.witnessed(ORIGIN).checkpoint.size == 5
        assert witness.add_checkpoint(body).status == 200


@given(sizes, st.lists(st.binary(min_size=32, max_size=32), max_size=MAX_PROOF_HASHES), st.text())
def test_a_request_comes_back(old_size: int, proof: list[bytes], note: str) -> None:
    request = AddCheckpoint(old_size, tuple(proof), note)
    assert parse_add_checkpoint(encode_add_checkpoint(request)) == request


@given(st.binary())
def test_bytes_are_a_request_or_refused(body: bytes) -> None:
    try:
        parse_add_checkpoint(body)
    except AddCheckpointError:
        return
    assert encode_add_checkpoint(parse_add_checkpoint(body)) == body


@examples(60)
@given(st.lists(st.tuples(logs, sizes, sizes), max_size=25))
def test_what_is_cosigned_is_one_growing_log(asked: list[tuple[MemoryLog, int, int]]) -> None:
    """Whoever asks with whatever fork and old size: each cosigned tree is a prefix of the next."""
    with new_witness() as witness:
        cosigned: list[list[bytes]] = [[]]
        for log, old_size, size in asked:
            answer = witness.add_checkpoint(log.request(old_size, size))
            may = old_size == len(cosigned[-1]) and log.leaves(size)[:old_size] == cosigned[-1]
            assert (answer.status == 200) == (may and old_size <= size)
            if answer.status == 200:
                cosigned.append(log.leaves(size))
            elif answer.status == 409:
                assert answer.body == f"{len(cosigned[-1])}\n"
        assert witness.witnessed(ORIGIN).checkpoint.size == len(cosigned[-1])
        for before, after in itertools.pairwise(cosigned):
            assert after[: len(before)] == before


@pytest.mark.parametrize("key", COSIGNER_KEYS)
@given(st.integers(1, 2**63 - 1), sizes)
def test_what_is_cosigned_is_verified(key: object, time_s: int, size: int) -> None:
    text = LOG.note(size).partition("\n\n")[0] + "\n"
    cosigner = COSIGNERS[COSIGNER_KEYS.index(key)]
    (found,) = verify_cosignatures(LOG.note(size) + cosign_checkpoint(text, cosigner, time_s), COSIGNER_KEYS)
    assert (found.timestamp_s, found.key) == (time_s, key)
