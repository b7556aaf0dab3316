"""The Merkle tree of RFC 6962, section 2.1: hashes, growth at the right edge, proofs and checking them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

EMPTY_ROOT = sha256(b"").digest()


class ProofError(ValueError):
    """A proof does not show what it claims."""


class Span(NamedTuple):
    """The leaves `start <= i < end`, whose hash (MTH) one step of a proof is."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree's right edge: the roots of its perfect subtrees, the tallest first (one per 1 bit of `size`)."""

    size: int = 0
    nodes: tuple[bytes, ...] = ()


def leaf_hash(leaf: bytes) -> bytes:
    """Hash one leaf (RFC 6962, 2.1: the prefix keeps leaves and nodes apart)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two children into their parent (RFC 6962, 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def root_hash(frontier: Frontier) -> bytes:
    """Return the tree's root (RFC 6962, 2.1: MTH)."""
    return join_subtrees(frontier.nodes) if frontier.nodes else EMPTY_ROOT


def join_subtrees(roots: Sequence[bytes]) -> bytes:
    """Return the one hash of the roots of neighbouring perfect subtrees, the tallest first."""
    joined = roots[-1]
    for root in reversed(roots[:-1]):
        joined = node_hash(root, joined)
    return joined


def extend(frontier: Frontier, leaf_hashes: Sequence[bytes]) -> tuple[Frontier, list[list[bytes]]]:
    """Add leaves at the right; also gives, for each height, the nodes that this completed, left to right.

    Works a height at a time: the gate hashes thousands of leaves a second, and one comprehension per height
    costs half of one loop per leaf.
    """
    size = frontier.size + len(leaf_hashes)
    waiting = list(frontier.nodes)
    unpaired: list[bytes] = []
    completed: list[list[bytes]] = []
    row = list(leaf_hashes)
    for height in range(size.bit_length()):
        if not row:  # the taller subtrees stay as they are
            unpaired += reversed(waiting)
            break
        completed.append(row)
        if frontier.size >> height & 1:
            row = [waiting.pop(), *row]
        if len(row) & 1:
            unpaired.append(row[-1])
        row = [
            sha256(b"\x01" + left + right).digest()
            for left, right in zip(row[::2], row[1::2], strict=False)  # an odd one waits
        ]
    return Frontier(size, tuple(reversed(unpaired))), completed


def split_span(span: Span) -> list[tuple[int, int]]:
    """Split a span that a proof names into perfect subtrees `(height, position)`, the tallest first."""
    parts = []
    start = span.start
    while start < span.end:
        height = (span.end - start).bit_length() - 1
        parts.append((height, start >> height))
        start += 1 << height
    return parts


def inclusion_spans(index: int, size: int) -> list[Span]:
    """Return the hashes that prove leaf `index` in a tree of `size` leaves (RFC 6962, 2.1.1: PATH)."""
    if not 0 <= index < size:
        raise ProofError(f"no leaf {index} in a tree of {size}")
    spans = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(old_size: int, new_size: int) -> list[Span]:
    """Return the hashes that prove one tree a prefix of another (RFC 6962, 2.1.2: PROOF)."""
    if not 0 < old_size <= new_size:
        raise ProofError(f"no consistency proof from {old_size} to {new_size}")
    spans = []
    start, end = 0, new_size
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(start, middle))
            start = middle
    if start > 0:
        spans.append(Span(start, end))
    return spans[::-1]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf` (a hash) is number `index` of the `size` leaves under `root`; raises ProofError."""
    spans = inclusion_spans(index, size)
    _require_length(proof, len(spans))
    node = leaf
    for span, sibling in zip(spans, proof, strict=True):
        node = node_hash(node, sibling) if span.start > index else node_hash(sibling, node)
    if node != root:
        raise ProofError(f"leaf {index} is not in this tree of {size}")


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that `old_root` is over the first `old_size` leaves of `new_root`'s tree; raises ProofError."""
    spans = consistency_spans(old_size, new_size)
    _require_length(proof, len(spans))
    steps = list(zip(spans, proof, strict=True))
    if (
        spans and spans[0].end == old_size
    ):  # the old tree's last perfect subtree; else it is the old root itself
        (_, old_node), *steps = steps
    else:
        old_node = old_root
    new_node = old_node
    for span, sibling in steps:
        if span.start < old_size:
            old_node = node_hash(sibling, old_node)
            new_node = node_hash(sibling, new_node)
        else:
            new_node = node_hash(new_node, sibling)
    if (old_node, new_node) != (old_root, new_root):
        raise ProofError(f"the tree of {old_size} is not a prefix of the tree of {new_size}")


def hash_span(span: Span, node: Callable[[int, int], bytes]) -> bytes:
    """Compute a span's hash from its perfect subtrees; `node(height, position)` returns each."""
    return join_subtrees([node(height, position) for height, position in split_span(span)])


def split_point(span: Span) -> int:
    """Return where a span of at least two leaves is split (RFC 6962, 2.1: k)."""
    return span.start + _split(span.end - span.start)


def _split(count: int) -> int:
    """Return the largest power of two smaller than `count`: RFC 6962's k."""
    return 1 << (count - 1).bit_length() - 1


def _require_length(proof: Sequence[bytes], length: int) -> None:
    if len(proof) != length or any(len(node) != len(EMPTY_ROOT) for node in proof):
        raise ProofError(f"a proof of {length} hashes was expected")
