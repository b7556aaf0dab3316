"""Checks what the leaves of the tree say: payloads against leaves, orders against payloads."""

from collections.abc import Sequence
from hashlib import sha256

from components.verifier.format import FIRST_UNSEALED_KIND, LEAF, LEAF_VERSION, Leaf, Row, parse_leaf
from components.verifier.ledger import Ledger
from components.verifier.report import Findings
from components.verifier.segment import Segments
from components.verifier.states import States

# Where a record belongs: kind, time (ns), segment, retention class, position.
Place = tuple[int, int, int, int, int]


class Records:
    """Checks records one after the other, and finds the state of each.

    `time_ns` is the newest record's time; without `has_payloads` there are only leaves.
    """

    def __init__(
        self, ledger: Ledger, segments: Segments, findings: Findings, head_size: int, *, has_payloads: bool
    ) -> None:
        self._ledger = ledger
        self._segments = segments
        self._findings = findings
        self.states = States(findings)
        self._head_size = head_size
        self.has_payloads = has_payloads
        self.time_ns = 0
        self._times_ns: dict[int, int] = {}

    def begin_tile(self) -> None:
        """Forget the tile before."""
        self._times_ns.clear()
        self.states.begin_tile()

    def find_time_ns(self, index: int) -> int | None:
        """Return the time of a record of this tile, None if its leaf could not be read."""
        return self._times_ns.get(index)

    def check_tile(self, first: int, end: int, rows: Sequence[Row]) -> None:
        """Check the records of a tile: all at once if nothing is unusual, otherwise one by one."""
        leaves = [row[1] for row in rows]
        if {*map(len, leaves)} != {LEAF.size} or not self._check_columns(first, end, leaves, rows):
            for row in rows:
                self.check(*row)

    def check(self, index: int, encoded: bytes, payload: bytes | None) -> None:
        """Check one record."""
        leaf = parse_leaf(encoded)
        if leaf is None:
            self._findings.add("leaf-unknown", index, f"not a leaf of version {LEAF_VERSION}")
            self.count_lost(index, "FORGED")
            return
        if leaf.record_index != index:
            self._findings.add(
                "record-misplaced", index, f"the leaf says that it is record {leaf.record_index}"
            )
        if leaf.time_ns < self.time_ns:
            self._findings.add("time-backwards", index, "recorded at an earlier time than the record before")
        self._times_ns[index] = leaf.time_ns
        intact = leaf.names(payload)
        if self.has_payloads:
            self._judge(index, leaf, present=payload is not None, intact=intact)
        else:
            self.states.add_valid((), 1)
        self.follow(index, leaf, payload if intact else None)

    def count_lost(self, index: int, state: str) -> None:
        """Count a record with an unreadable leaf."""
        self.states.add(index, state, None)
        self._segments.doubt()

    def follow(self, index: int, leaf: Leaf, payload: bytes | None) -> None:
        """Add a record to its segment; also one behind the head, if it follows correctly."""
        self.time_ns = leaf.time_ns
        place = (leaf.kind, leaf.time_ns, leaf.segment, leaf.retention_class, leaf.position)
        self._follow_all(index, [place], [payload])

    def _check_columns(self, first: int, end: int, leaves: Sequence[bytes], rows: Sequence[Row]) -> bool:
        """Take a tile if nothing in it is unusual; return whether that is so."""
        columns = list(zip(*LEAF.iter_unpack(b"".join(leaves)), strict=True))
        versions, kinds, indexes, times, segments, classes, positions, sizes, conversations, digests = columns
        payloads = [row[2] for row in rows]
        ordinary = (
            {*versions} == {LEAF_VERSION}
            and indexes == tuple(range(first, end))
            and self.time_ns <= times[0]
            and list(times) == sorted(times)
            and self._are_payloads_right(payloads, sizes, digests)
            and not self._ledger.touches(first, end, {*segments}, conversations)
        )
        if ordinary:
            self.time_ns = times[-1]
            self._times_ns = dict(zip(indexes, times, strict=True))
            self.states.add_valid({*classes}, end - first)
            places = zip(kinds, times, segments, classes, positions, strict=True)
            self._follow_all(first, list(places), payloads)
        return ordinary

    def _are_payloads_right(
        self, payloads: Sequence[bytes | None], sizes: tuple[int, ...], digests: tuple[bytes, ...]
    ) -> bool:
        if not self.has_payloads:
            return True
        there = [payload for payload in payloads if payload is not None]
        return tuple(map(len, there)) == sizes and tuple([sha256(each).digest() for each in there]) == digests

    def _follow_all(self, first: int, places: Sequence[Place], payloads: Sequence[bytes | None]) -> None:
        """Add records to their segments: those at neighbouring places of one segment together."""
        start, count = 0, len(places)
        while start < count:
            kind, time_ns, *place = places[start]
            end = start + 1
            if kind < FIRST_UNSEALED_KIND:
                while end < count and places[end][0] < FIRST_UNSEALED_KIND:
                    place[2] += 1
                    if list(places[end][2:]) != place:
                        break
                    end += 1
            self._follow_segment(first + start, kind, places[start][2:], end - start)
            if kind >= FIRST_UNSEALED_KIND:
                self._segments.add_own(kind, first + start, time_ns, payloads[start])
            start = end

    def _follow_segment(self, index: int, kind: int, place: tuple[int, int, int], count: int) -> None:
        if (kind < FIRST_UNSEALED_KIND) == (place[0] == 0):
            detail = "a sealed record of no segment, or one in the clear of one"
            self._findings.add("segment-altered", index, detail)
        elif place[0]:
            self._segments.add(*place, index, count)

    def _judge(self, index: int, leaf: Leaf, *, present: bool, intact: bool) -> None:
        """Find the state of a record."""
        tombstone = self._ledger.find_tombstone(leaf.segment, leaf.position)
        where = (index, leaf.segment, leaf.conversation)
        hold = self._ledger.find_hold(*where) if leaf.segment else None
        if present and not intact:
            self._findings.add("payload-altered", index, "the payload is not the one that its leaf names")
            self.states.add(index, "FORGED", leaf.retention_class)
        elif present:
            # A large segment is destroyed in pieces behind its tombstone; under a checkpoint that is over.
            late = tombstone is not None and tombstone[0] < self._head_size
            flaw = "not-destroyed" if late else ""
            self.states.add(index, "HELD" if hold else "VALID", leaf.retention_class, hold, flaw)
        elif tombstone:
            flaw = "hold-broken" if self._ledger.was_held(tombstone[0], *where) else ""
            self.states.add(index, "SHREDDED", leaf.retention_class, tombstone[1], flaw)
        else:
            self.states.add(index, "MISSING", leaf.retention_class, flaw="payload-missing")
