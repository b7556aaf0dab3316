"""Splits what an order destroys in a segment into pieces that are small enough for a line to wait for (pure)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from components.archive.bookkeeping import Tombstone
from components.archive.log.leaf import Leaf
from components.archive.orders.contents import SegmentContents
from components.archive.orders.erasure import NewEnvelopes, check_envelopes
from components.archive.orders.order import Order, OrderAct
from components.archive.store import Destruction

# What one transaction destroys: a gate's line waits for it (docs/retention.md, "Measured").
MAX_PIECE_RECORDS = 512
MAX_PIECE_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class DestructionPiece:
    """The work of one transaction: what it destroys and, for a segment's first piece, the tombstone for all of it."""

    destruction: Destruction
    tombstone: Tombstone | None


def find_targets(order: Order, contents: SegmentContents) -> list[Leaf]:
    """Return the records of a segment that an order still has to destroy."""
    wanted = set(order.indexes)
    return [leaf for leaf in contents.remaining if order.act is OrderAct.EXPIRE or leaf.index in wanted]


def is_begun(order: Order, contents: SegmentContents) -> bool:
    """Return whether an order's tombstone for a segment is there: its transaction changed the keys, too."""
    keys = contents.row.keys
    if order.act is OrderAct.EXPIRE or keys is None:
        return keys is None
    return sha256(keys).hexdigest() == order.keys[contents.row.number]


def is_finished(order: Order, contents: SegmentContents) -> bool:
    """Return whether an order to destroy has nothing left to do in a segment."""
    return not find_targets(order, contents) and (order.act is OrderAct.ERASE or contents.row.keys is None)


def check_keys(order: Order, contents: SegmentContents, envelopes: Mapping[int, NewEnvelopes]) -> str:
    """Return what is wrong with the envelopes that an erasure brings for a segment; empty when nothing is."""
    old, new = contents.row.keys, envelopes.get(contents.row.number)
    if order.act is not OrderAct.ERASE or old is None or is_begun(order, contents):
        return ""
    if new is None:
        return (
            f"the new envelopes of segment {contents.row.number} are missing: hand in the order's file again"
        )
    erased = {leaf.position for leaf in contents.leaves if leaf.index in contents.destroyed}
    return check_envelopes(old, new, erased | {leaf.position for leaf in find_targets(order, contents)})


def plan_pieces(
    order: Order, contents: SegmentContents, envelopes: Mapping[int, NewEnvelopes]
) -> Iterator[DestructionPiece]:
    """Yield the pieces in which an order destroys a segment, in the order in which it must be done.

    The first piece takes the keys of all of it: from then on nobody can read it any more, and what follows only
    removes what is unreadable.
    """
    number, begun = contents.row.number, is_begun(order, contents)
    targets = find_targets(order, contents)
    shares = list(_shares(targets))
    if order.act is OrderAct.ERASE:
        keys = contents.row.keys if begun else envelopes[number].keys
        positions = tuple(leaf.position for leaf in targets)
        tombstone = Tombstone(number, order.id, len(targets), positions, order.keys[number])
    else:
        keys = None
        tombstone = Tombstone(number, order.id, len(targets), (), "")
        if not shares and not begun:
            shares = [[]]  # nothing of it is left but its keys
    for place, share in enumerate(shares):
        destruction = Destruction(number, [leaf.index for leaf in share], keys)
        yield DestructionPiece(destruction, None if begun or place else tombstone)


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
