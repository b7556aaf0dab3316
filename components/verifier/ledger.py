"""The log's records about itself: orders, tombstones and keys (docs/archive-format.md, sections 6 and 7)."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from components.verifier.checkpoint import KeyChain
from components.verifier.format import (
    LOG_KEY,
    ORDER,
    ORDER_DETAILS,
    PERMANENT_CLASS,
    TOMBSTONE,
    Leaf,
    parse_object,
)
from components.verifier.note import Key, Note, is_signed, parse_note
from components.verifier.order import Holds, Order, parse_order
from components.verifier.report import Findings


@dataclass(slots=True)
class Shredding:
    """The tombstones of a segment; `keys` are the later digests of its envelopes, the newest last.

    `expired` is the first tombstone of an expiry as (index, order id), `single` has those of erased positions.
    """

    expired: tuple[int, str] | None = None
    expired_count: int = 0
    single: dict[int, tuple[int, str]] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)

    def find(self, position: int) -> tuple[int, str] | None:
        """Return the tombstone (index, order id) of a position."""
        return self.single.get(position) or self.expired


class Tombstone(NamedTuple):
    """The fields of a tombstone, in their order."""

    segment: int
    order: str
    destroyed: int
    positions: list[object]
    keys_sha256: str


TOMBSTONE_TYPES = {"segment": int, "order": str, "count": int, "positions": list, "keys_sha256": str}


class Ledger:
    """What must be known before records are judged: which are held or destroyed, and which keys the log had.

    It is read from the whole log first, because a tombstone comes after its records. If it is `incomplete`, it is not
    known which holds were in force.
    """

    def __init__(
        self,
        chain: KeyChain,
        approvers: Sequence[Key],
        find_leaf: Callable[[int], Leaf | None],
        findings: Findings,
    ) -> None:
        self._chain = chain
        self._approvers = approvers
        self._find_leaf = find_leaf
        self._findings = findings
        self._orders: dict[str, Order] = {}
        self._released_at: dict[str, int] = {}
        self._positions: dict[str, dict[int, set[int]]] = {}
        self._holds = Holds([])
        self._holds_before: dict[int, Holds] = {}
        self.shreddings: dict[int, Shredding] = {}
        self.orders_unchecked = 0
        self.incomplete = False

    def add(self, index: int, kind: int, payload: bytes) -> None:
        """Take a record of the tree: an order, a tombstone or a log key."""
        name = "log-key-invalid" if kind == LOG_KEY else "order-invalid"
        try:
            if kind == ORDER:
                self._add_order(index, payload)
            elif kind == TOMBSTONE:
                self._add_tombstone(index, payload)
            else:
                self._chain.add(index, payload)
        except ValueError as error:
            detail = "no text" if isinstance(error, UnicodeDecodeError) else str(error)
            self._findings.add(name, index, detail)

    def finish(self) -> None:
        """Return which keys the log had, and what is held at the end."""
        self._chain.settle(self._findings)
        self._holds = self._find_holds(sys.maxsize)

    def touches(self, first: int, end: int, segments: set[int], conversations: Sequence[bytes]) -> bool:
        """Return whether any of these records may be held or destroyed."""
        if not self.shreddings.keys().isdisjoint(segments):
            return True
        return self._holds.touch(first, end, segments, conversations)

    def find_tombstone(self, segment: int, position: int) -> tuple[int, str] | None:
        """Return the tombstone (index, order id) of a record, or None."""
        shredding = self.shreddings.get(segment) if segment else None
        return shredding.find(position) if shredding else None

    def find_hold(self, index: int, segment: int, conversation: bytes) -> str | None:
        """Return the id of a hold in force on a record, or None."""
        return self._holds.find(index, segment, conversation)

    def was_held(self, at_index: int, index: int, segment: int, conversation: bytes) -> bool:
        """Return whether a hold was in force on a record when the log had `at_index` records."""
        if at_index not in self._holds_before:
            self._holds_before[at_index] = self._find_holds(at_index)
        return self._holds_before[at_index].find(index, segment, conversation) is not None

    def _find_holds(self, index: int) -> Holds:
        """Return the holds in force when the log had `index` records."""
        never = sys.maxsize + 1
        holds = [order for order in self._orders.values() if order.act == "hold"]
        return Holds([hold for hold in holds if hold.index < index < self._released_at.get(hold.id, never)])

    def _add_order(self, index: int, payload: bytes) -> None:
        note = parse_note(payload)
        order = parse_order(note.text, index, self._chain.origin)
        self._verify_approvals(note)
        if order.id in self._orders:
            raise ValueError("an order of this id was there before")
        details = self._find_leaf(index + 1)
        if details is None or (details.kind, details.retention_class) != (ORDER_DETAILS, PERMANENT_CLASS):
            raise ValueError("its details do not follow it")
        held = self._find_holds(index).ids
        considered_all = self.incomplete or sorted(order.considered) == sorted(held)
        if order.destroys and not considered_all:
            raise ValueError("the holds that it considered are not all those in force")
        if order.act == "release":
            if order.hold not in held and not self.incomplete:
                raise ValueError("there is no such hold in force to release")
            self._released_at[order.hold] = index
        if order.act == "erase":
            self._positions[order.id] = self._place(order)
        self._orders[order.id] = order

    def _place(self, order: Order) -> dict[int, set[int]]:
        """Return the positions of an erasure, by segment."""
        positions: dict[int, set[int]] = {segment: set() for segment in order.segments}
        for index in order.indexes:
            leaf = self._find_leaf(index)
            if leaf is None or leaf.segment not in positions:
                raise ValueError(f"record {index} is in none of its segments")
            positions[leaf.segment].add(leaf.position)
        return positions

    def _verify_approvals(self, note: Note) -> None:
        names = {name for name, _, _ in note.signatures}
        if not self._approvers:
            self.orders_unchecked += 1
            if len(names) < 2:
                raise ValueError("fewer than two approvers signed it")
            return
        signed = [key for key in self._approvers if is_signed(note, key)]
        raw = {key.public_key.public_bytes_raw() for key in signed}
        if len(raw) < 2 or len({key.name for key in signed}) < 2:
            raise ValueError("fewer than two approvers that are known here signed it")

    def _add_tombstone(self, index: int, payload: bytes) -> None:
        said = parse_object(payload, TOMBSTONE_TYPES)
        if said is None:
            raise ValueError("not a tombstone")
        stone = Tombstone(*said.values())
        order = self._orders.get(stone.order)
        if order is None or not order.destroys or stone.segment not in order.segments:
            raise ValueError("a tombstone without an order to destroy that")
        shredding = self.shreddings.get(stone.segment, Shredding())
        if order.act == "expire":
            _add_expiry(stone, index, shredding)
        else:
            _add_erasure(stone, index, shredding, order, self._positions[order.id][stone.segment])
        self.shreddings[stone.segment] = shredding


def _add_expiry(stone: Tombstone, index: int, shredding: Shredding) -> None:
    if stone.positions or stone.keys_sha256:
        raise ValueError("a tombstone of an expiry names positions or keys")
    shredding.expired = shredding.expired or (index, stone.order)
    shredding.expired_count += stone.destroyed


def _add_erasure(stone: Tombstone, index: int, shredding: Shredding, order: Order, wanted: set[int]) -> None:
    named = {position for position in stone.positions if type(position) is int}
    # Those destroyed before need not be among them.
    left = {position for position in wanted if shredding.find(position) is None}
    in_order = len(named) == len(stone.positions) == stone.destroyed and sorted(named) == stone.positions
    if not in_order or not left <= named <= wanted:
        raise ValueError("a tombstone of other records than the erasure's")
    if stone.keys_sha256 != order.keys[stone.segment]:
        raise ValueError("a tombstone of other keys than the erasure's")
    shredding.single |= dict.fromkeys(named, (index, stone.order))
    shredding.keys.append(stone.keys_sha256)
