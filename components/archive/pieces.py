"""What an order destroys of a segment, in pieces small enough that a line can wait for each (pure)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from components.archive.bookkeeping import Tombstone
from components.archive.contents import SegmentContents
from components.archive.erasure import check_envelopes
from components.archive.log.leaf import Leaf
from components.archive.order import Act, Order
from components.archive.store import Destruction

# What one transaction destroys: a gate's line waits for it (docs/decisions/0007).
MAX_PIECE_RECORDS = 512
MAX_PIECE_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """One transaction's share: what is destroyed, and the record that says so."""

    tombstone: Tombstone
    destruction: Destruction


def find_targets(order: Order, contents: SegmentContents) -> list[Leaf]:
    """Give the records of a segment that an order still has to destroy."""
    wanted = set(order.indexes)
    return [leaf for leaf in contents.remaining if order.act is Act.EXPIRE or leaf.index in wanted]


def check_keys(order: Order, contents: SegmentContents, envelopes: Mapping[int, bytes]) -> str:
    """Say what is wrong with the envelopes that an erasure brings for a segment; an empty text when nothing is."""
    old, new = contents.row.keys, envelopes.get(contents.row.number)
    if order.act is not Act.ERASE or old is None:
        return ""
    if new is None:
        return (
            f"the new envelopes of segment {contents.row.number} are missing: hand in the order's file again"
        )
    erased = {leaf.position for leaf in contents.leaves if leaf.index in contents.destroyed}
    return check_envelopes(old, new, erased | {leaf.position for leaf in find_targets(order, contents)})


def plan_pieces(order: Order, contents: SegmentContents, envelopes: Mapping[int, bytes]) -> Iterator[Piece]:
    """Cut up what an order destroys of a segment, in the order in which it must be done.

    An expiry takes the keys with its last piece, whose tombstone names no positions. An erasure brings the new
    envelopes, of the digest that the order names, with its first.
    """
    number = contents.row.number
    shares = list(_shares(find_targets(order, contents)))
    if order.act is Act.ERASE:
        for share in shares:
            yield _positions(order, number, share, envelopes[number])
    elif contents.row.keys is not None:
        last = shares.pop() if shares else []
        for share in shares:
            yield _positions(order, number, share, contents.row.keys)
        indexes = [leaf.index for leaf in last]
        yield Piece(Tombstone(number, order.id, len(last), (), ""), Destruction(number, indexes, None))


def _positions(order: Order, number: int, share: Sequence[Leaf], keys: bytes) -> Piece:
    positions = tuple(leaf.position for leaf in share)
    tombstone = Tombstone(number, order.id, len(share), positions, sha256(keys).hexdigest())
    return Piece(tombstone, Destruction(number, [leaf.index for leaf in share], keys))


def _shares(leaves: Sequence[Leaf]) -> Iterator[list[Leaf]]:
    share: list[Leaf] = []
    size_bytes = 0
    for leaf in leaves:
        if share and (len(share) >= MAX_PIECE_RECORDS or size_bytes + leaf.size_bytes > MAX_PIECE_BYTES):
            yield share
            share, size_bytes = [], 0
        share.append(leaf)
        size_bytes += leaf.size_bytes
    if share:
        yield share
