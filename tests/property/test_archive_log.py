"""Properties of the tree, of records and of notes, whatever they hold."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.archive.log.leaf import (
    LEAF_SIZE_BYTES,
    Leaf,
    LeafError,
    LeafIndex,
    SegmentNumber,
    encode_leaf,
    parse_leaf,
)
from components.archive.log.merkle import (
    Frontier,
    ProofError,
    extend,
    leaf_hash,
    root_hash,
    verify_consistency,
    verify_inclusion,
)
from components.archive.log.note import NoteError, sign_note, verify_note
from components.archive.log.tile import EMPTY_TREE, TileId, grow, restore_tree, unfinished_tiles
from components.archive.record import (
    Access,
    Delivery,
    RecordKind,
    Submission,
    encode_access,
    encode_delivery,
    encode_submission,
    parse_record,
)
from components.archive.record_header import RecordError
from policy.decision import StanzaError
from tests.support import rfc6962
from tests.support.archive import SIGNER, VERIFIER_KEY
from tests.support.rounds import examples

leaf_lists = st.lists(st.binary(max_size=4), min_size=1, max_size=60)
numbers = st.integers(0, 2**63 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
errors = st.builds(StanzaError, texts, texts, texts)
submissions = st.builds(
    Submission,
    st.sampled_from([RecordKind.STANZA, RecordKind.SESSION]),
    texts,
    numbers,
    texts,
    texts,
    numbers,
    texts,
    st.lists(texts, max_size=3).map(tuple),
    st.none() | errors,
    st.binary(max_size=60),
    rules_name=st.just(""),
    amended=st.just(b""),
)
deliveries = st.builds(Delivery, texts, numbers, st.lists(numbers, max_size=4).map(tuple))
accesses = st.builds(Access, texts, texts, texts, numbers, numbers, numbers)


@given(leaf_lists, st.data())
def test_any_way_of_growing_gives_the_rfcs_tree(leaves: list[bytes], data: st.DataObject) -> None:
    frontier, rest = Frontier(), leaves
    while rest:
        count = data.draw(st.integers(1, len(rest)))
        frontier, _ = extend(frontier, [leaf_hash(leaf) for leaf in rest[:count]])
        rest = rest[count:]
    assert root_hash(frontier) == rfc6962.mth(leaves)
    assert frontier.size == len(leaves)
    assert len(frontier.nodes) == len(leaves).bit_count()


@examples(40)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=6))
def test_a_tree_is_what_its_unfinished_tiles_say(counts: list[int]) -> None:
    tree, size = EMPTY_TREE, 0
    tiles: dict[TileId, bytes] = {}
    for count in counts:
        row = [leaf_hash(b"%d" % index) for index in range(size, size + count)]
        tree, changed = grow(tree, row)
        tiles |= {tile.id: tile.hashes for tile in changed}
        size += count
        assert restore_tree(size, {tile: tiles[tile] for tile in unfinished_tiles(size)}) == tree


@given(leaf_lists, st.data())
def test_a_proof_proves_one_leaf_at_one_place(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof, root, size = rfc6962.path(index, leaves), rfc6962.mth(leaves), len(leaves)
    verify_inclusion(index, size, leaf_hash(leaves[index]), proof, root)
    other = data.draw(st.integers(0, size - 1))
    if leaves[other] != leaves[index]:
        assert not includes(index, size, leaf_hash(leaves[other]), proof, root)
        assert not includes(other, size, leaf_hash(leaves[index]), proof, root)
    for step, bit in [(step, data.draw(st.integers(0, 255))) for step in range(len(proof))]:
        flipped = (int.from_bytes(proof[step]) ^ 1 << bit).to_bytes(32)
        assert not includes(
            index, size, leaf_hash(leaves[index]), [*proof[:step], flipped, *proof[step + 1 :]], root
        )


def includes(index: int, size: int, leaf: bytes, proof: list[bytes], root: bytes) -> bool:
    try:
        verify_inclusion(index, size, leaf, proof, root)
    except ProofError:
        return False
    return True


@given(leaf_lists, st.data())
def test_no_other_history_is_consistent(leaves: list[bytes], data: st.DataObject) -> None:
    old = data.draw(st.integers(1, len(leaves)))
    proof, root = rfc6962.proof(old, leaves), rfc6962.mth(leaves)
    verify_consistency(old, len(leaves), rfc6962.mth(leaves[:old]), root, proof)
    changed = data.draw(st.integers(0, old - 1))
    history = [*leaves[:changed], leaves[changed] + b"!", *leaves[changed + 1 : old]]
    try:
        verify_consistency(old, len(leaves), rfc6962.mth(history), root, proof)
    except ProofError:
        return
    raise AssertionError("another history was accepted")


leaves_of_any_content = st.builds(
    Leaf,
    version=st.just(2),
    kind=st.integers(0, 255),
    index=numbers.map(LeafIndex),
    time_ns=numbers,
    segment=st.integers(0, 2**32 - 1).map(SegmentNumber),
    retention_class=st.integers(0, 255),
    position=st.integers(0, 2**16 - 1),
    size_bytes=st.integers(0, 2**32 - 1),
    conversation=st.binary(min_size=16, max_size=16),
    payload_sha256=st.binary(min_size=32, max_size=32),
)


@given(leaves_of_any_content)
def test_a_leaf_comes_back(leaf: Leaf) -> None:
    assert len(encode_leaf(leaf)) == LEAF_SIZE_BYTES
    assert parse_leaf(encode_leaf(leaf)) == leaf


@given(leaves_of_any_content, st.integers(0, LEAF_SIZE_BYTES * 8 - 1))
def test_any_bit_of_a_leaf_makes_another_leaf_or_none(leaf: Leaf, bit: int) -> None:
    data = encode_leaf(leaf)
    changed = (int.from_bytes(data) ^ 1 << bit).to_bytes(len(data))
    if changed[0] != data[0]:
        with pytest.raises(LeafError):
            parse_leaf(changed)
    else:
        assert parse_leaf(changed) != leaf
        assert encode_leaf(parse_leaf(changed)) == changed


@given(submissions)
def test_a_submission_comes_back(submission: Submission) -> None:
    assert parse_record(submission.kind, encode_submission(submission)) == submission


@given(deliveries, accesses)
def test_deliveries_and_accesses_come_back(delivery: Delivery, access: Access) -> None:
    assert parse_record(RecordKind.DELIVERY, encode_delivery(delivery)) == delivery
    assert parse_record(RecordKind.ACCESS, encode_access(access)) == access


@given(submissions)
def test_a_header_is_one_line_of_json_before_the_bytes(submission: Submission) -> None:
    head, _, body = encode_submission(submission).partition(b"\n")
    assert body == submission.body
    assert list(json.loads(head)) == [
        "epoch",
        "seq",
        "way",
        "session",
        "received_at_ns",
        "action",
        "rules",
        "error",
    ]


@given(st.sampled_from(RecordKind), submissions.map(encode_submission), st.data())
def test_bytes_are_a_record_in_one_encoding_or_none(
    kind: RecordKind, payload: bytes, data: st.DataObject
) -> None:
    place, bit = data.draw(st.integers(0, len(payload) - 1)), data.draw(st.integers(0, 7))
    payload = payload[:place] + bytes([payload[place] ^ 1 << bit]) + payload[place + 1 :]
    try:
        record = parse_record(kind, payload)
    except RecordError:
        return
    assert isinstance(record, Submission)
    assert encode_submission(record) == payload


@given(st.sampled_from(RecordKind), st.binary(max_size=40))
def test_any_bytes_are_a_record_or_an_error(kind: RecordKind, payload: bytes) -> None:
    with contextlib.suppress(RecordError):
        parse_record(kind, payload)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40), st.data())
def test_a_note_with_any_bit_changed_is_refused(line: str, data: st.DataObject) -> None:
    note = sign_note(f"{line}\n", SIGNER).encode()
    place, bit = data.draw(st.integers(0, len(note) - 1)), data.draw(st.integers(0, 7))
    changed = note[:place] + bytes([note[place] ^ 1 << bit]) + note[place + 1 :]
    try:
        verify_note(changed.decode(), [VERIFIER_KEY])
    except (NoteError, UnicodeDecodeError):
        return
    raise AssertionError("a changed note was accepted")
