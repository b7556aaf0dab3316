"""The tree against RFC 6962 as it is written, and against roots that other implementations publish."""

import json
from hashlib import sha256
from itertools import combinations_with_replacement, pairwise, zip_longest
from pathlib import Path

import pytest

from components.archive.log.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    Span,
    consistency_spans,
    extend,
    inclusion_spans,
    leaf_hash,
    root_hash,
    verify_consistency,
    verify_inclusion,
)
from tests.support import rfc6962

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/archive/merkle-roots.json").read_text())
LEAVES = [b"leaf %d" % number for number in range(33)]


def build(leaves: list[bytes]) -> Frontier:
    return extend(Frontier(), [leaf_hash(leaf) for leaf in leaves])[0]


def root(size: int) -> bytes:
    return rfc6962.mth(LEAVES[:size])


def hashes(spans: list[Span]) -> list[bytes]:
    return [rfc6962.mth(LEAVES[span.start : span.end]) for span in spans]


def test_roots_that_others_publish() -> None:
    leaves = [bytes.fromhex(leaf) for leaf in VECTORS["leaves"]]
    assert sha256(b"").digest().hex() == VECTORS["roots"][0] == EMPTY_ROOT.hex()
    for size, expected in enumerate(VECTORS["roots"]):
        assert root_hash(build(leaves[:size])).hex() == expected
        assert rfc6962.mth(leaves[:size]).hex() == expected  # so that the reference is one


@pytest.mark.parametrize("size", range(len(LEAVES) + 1))
def test_root_is_the_rfcs(size: int) -> None:
    assert root_hash(build(LEAVES[:size])) == root(size)


@pytest.mark.parametrize("cut", range(len(LEAVES) + 1))
def test_growing_in_two_steps_gives_the_same_tree_and_nodes(cut: int) -> None:
    row = [leaf_hash(leaf) for leaf in LEAVES]
    whole, nodes = extend(Frontier(), row)
    part, before = extend(Frontier(), row[:cut])
    grown, after = extend(part, row[cut:])
    assert grown == whole
    nothing: list[bytes] = []
    for expected, old, new in zip_longest(nodes, before, after, fillvalue=nothing):
        assert [*old, *new] == expected


@pytest.mark.parametrize("size", range(1, len(LEAVES) + 1))
def test_inclusion_of_every_leaf(size: int) -> None:
    for index in range(size):
        proof = hashes(inclusion_spans(index, size))
        assert proof == rfc6962.path(index, LEAVES[:size])
        verify_inclusion(index, size, leaf_hash(LEAVES[index]), proof, root(size))


def test_consistency_of_every_pair() -> None:
    for old, new in combinations_with_replacement(range(1, len(LEAVES) + 1), 2):
        proof = hashes(consistency_spans(old, new))
        assert proof == rfc6962.proof(old, LEAVES[:new])
        verify_consistency(old, new, root(old), root(new), proof)


def inclusion(**changes: object) -> None:
    case = {"index": 5, "size": 13, "leaf": leaf_hash(LEAVES[5]), "proof": hashes(inclusion_spans(5, 13))}
    verify_inclusion(**{**case, "root": root(13), **changes})  # type: ignore[arg-type]


PROOF = hashes(inclusion_spans(5, 13))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("another leaf", {"leaf": leaf_hash(LEAVES[6])}),
        ("another index", {"index": 4}),
        ("a size of another shape", {"size": 17}),
        ("an index beyond the tree", {"index": 13}),
        ("a negative index", {"index": -1}),
        ("an empty tree", {"index": 0, "size": 0}),
        ("another root", {"root": root(12)}),
        ("a hash too few", {"proof": PROOF[:-1]}),
        ("a hash too many", {"proof": [*PROOF, PROOF[-1]]}),
        ("hashes in another order", {"proof": PROOF[::-1]}),
        ("no hash at all", {"proof": []}),
        ("a hash cut short", {"proof": [PROOF[0][:-1], *PROOF[1:]]}),
    ],
)
def test_inclusion_is_refused(name: str, changes: dict[str, object]) -> None:
    inclusion()
    with pytest.raises(ProofError):
        inclusion(**changes)


def consistency(**changes: object) -> None:
    case = {"old_size": 6, "new_size": 13, "old_root": root(6), "new_root": root(13)}
    verify_consistency(**{**case, "proof": rfc6962.proof(6, LEAVES[:13]), **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("another old root", {"old_root": root(5)}),
        ("another new root", {"new_root": root(12)}),
        ("roots exchanged", {"old_root": root(13), "new_root": root(6)}),
        ("another old size", {"old_size": 5}),
        ("from an empty tree", {"old_size": 0}),
        ("a tree that shrank", {"old_size": 13, "new_size": 6}),
        ("a proof without its seed", {"proof": rfc6962.proof(6, LEAVES[:13])[1:]}),
        ("no proof", {"proof": []}),
        ("same size, other root", {"old_size": 13, "old_root": root(6), "proof": []}),
    ],
)
def test_consistency_is_refused(name: str, changes: dict[str, object]) -> None:
    consistency()
    with pytest.raises(ProofError):
        consistency(**changes)


def test_spans_of_a_proof_cover_the_whole_tree_once() -> None:
    for size in range(1, 70):
        for index in range(size):
            covered = sorted([*inclusion_spans(index, size), Span(index, index + 1)])
            assert (covered[0].start, covered[-1].end) == (0, size)
            assert all(left.end == right.start for left, right in pairwise(covered))
