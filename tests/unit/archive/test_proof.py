"""Proofs as text: one encoding, and every bit of it counts."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.archive.log.checkpoint import Checkpoint, sign_checkpoint
from components.archive.log.leaf import Leaf, LeafIndex, SegmentNumber, encode_leaf
from components.archive.log.merkle import ProofError, leaf_hash, node_hash
from components.archive.log.note import make_signer
from components.archive.log.proof import (
    LogProof,
    encode_proof,
    parse_proof,
    verify_own_proof,
    verify_proof,
)
from tests.support.archive import KEY, ORIGIN, SIGNER, VERIFIER_KEY
from tests.support.rounds import examples

HASHES = [leaf_hash(b"%d" % index) for index in range(5)]


def leaf_at(index: int) -> bytes:
    return encode_leaf(
        Leaf(2, 1, LeafIndex(index), 7, SegmentNumber(1), 1, 0, 9, bytes(16), bytes(range(32)))
    )


def prove(leaf: bytes, index: int = 2, key_name: str = ORIGIN) -> LogProof:
    """A proof that this is leaf 2 of five."""
    below = node_hash(HASHES[0], HASHES[1])
    left = node_hash(below, node_hash(leaf_hash(leaf), HASHES[3]))
    root = node_hash(left, HASHES[4])
    note = sign_checkpoint(Checkpoint(key_name, 5, root), make_signer(key_name, KEY))
    return LogProof(index, (HASHES[3], below, HASHES[4]), note, leaf)


def test_the_text_is_the_specifications() -> None:
    proof = prove(leaf_at(2))
    lines = encode_proof(proof).split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1] == f"extra {base64.b64encode(leaf_at(2)).decode()}"
    assert lines[2] == "index 2"
    assert [base64.b64decode(line) for line in lines[3:6]] == list(proof.hashes)
    assert lines[6] == ""
    assert "\n".join(lines[7:]) == proof.note


def test_extra_may_be_absent() -> None:
    proof = prove(b"anything")
    bare = LogProof(proof.index, proof.hashes, proof.note)
    assert "extra" not in encode_proof(bare)
    assert parse_proof(encode_proof(bare)) == bare
    assert verify_proof(bare, b"anything", VERIFIER_KEY).size == 5
    with pytest.raises(ProofError):
        verify_proof(bare, b"something else", VERIFIER_KEY)


def test_a_proof_with_its_leaf() -> None:
    leaf, checkpoint = verify_own_proof(parse_proof(encode_proof(prove(leaf_at(2)))), VERIFIER_KEY)
    assert (leaf.index, checkpoint.size) == (2, 5)


def test_a_tree_of_one_needs_no_hash() -> None:
    note = sign_checkpoint(Checkpoint(ORIGIN, 1, leaf_hash(leaf_at(0))), SIGNER)
    text = encode_proof(LogProof(0, (), note, leaf_at(0)))
    assert verify_own_proof(parse_proof(text), VERIFIER_KEY)[0].index == 0


def test_a_leaf_of_another_place_is_refused() -> None:
    with pytest.raises(ProofError, match="says that it is number 3"):
        verify_own_proof(prove(leaf_at(3)), VERIFIER_KEY)


def test_a_proof_of_another_log_is_refused() -> None:
    with pytest.raises(ValueError, match="no known key"):
        verify_own_proof(prove(leaf_at(2), key_name="steelyard.example/other"), VERIFIER_KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v1\n",
        "c2sp.org/tlog-proof@v1\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex 0",
        "c2sp.org/tlog-proof@v1\nindex 0\n\n",
        "c2sp.org/tlog-proof@v1\nindex 00\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex -1\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex +1\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex ١\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex 12345678901234567890\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra AAAA\n\nnote",
        "c2sp.org/tlog-proof@v1\nextra\nindex 0\n\nnote",
        "c2sp.org/tlog-proof@v1\nextra \nindex 0\n\nnote",
        "c2sp.org/tlog-proof@v1\nextra AAB=\nindex 0\n\nnote",
        "c2sp.org/tlog-proof@v1\nextra AAAA\nextra AAAA\nindex 0\n\nnote",
        "c2sp.org/tlog-proof@v1\r\nindex 0\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex 0\n" + "A" * 43 + "=\n" * 64 + "\nnote",
        "c2sp.org/tlog-proof@v1\nindex 0\n" + ("A" * 43 + "=\n") * 64 + "\nnote",
        "c2sp.org/tlog-proof@v1\nindex 0\n" + "A" * 42 + "B=\n\nnote",
    ],
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ProofError):
        parse_proof(text)


@given(
    st.integers(0, 10**18),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.binary(max_size=200),
)
def test_every_proof_is_read_back(index: int, hashes: list[bytes], extra: bytes) -> None:
    proof = LogProof(index, tuple(hashes), "note\n\n— a b\n", extra)
    assert parse_proof(encode_proof(proof)) == proof


@examples(400)
@given(st.data())
def test_any_flipped_bit_is_refused(data: st.DataObject) -> None:
    text = encode_proof(prove(leaf_at(2))).encode()
    bit = data.draw(st.integers(0, 8 * len(text) - 1))
    damaged = bytearray(text)
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ValueError, match=r"."):
        verify_own_proof(parse_proof(damaged.decode()), VERIFIER_KEY)
