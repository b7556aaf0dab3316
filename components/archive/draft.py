"""Prepares an append completely before any of it is stored: the sealed records, and the state after it."""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import NamedTuple

from components.archive.log.leaf import NO_CONVERSATION, NOT_SEALED, LeafIndex, encode_header
from components.archive.record import RecordKind
from components.archive.seal import TAG_SIZE_BYTES, Recipient, Seal, prepare_seal
from components.archive.segment import OpenSegment, open_segment
from components.archive.store import Change, Destruction, MemoRow, SegmentRow

DEFAULT_CLASS = 1


class Entry(NamedTuple):
    """A record to append; `conversation` is a keyed hash of 16 bytes. Bookkeeping belongs to no class."""

    kind: RecordKind
    payload: bytes
    retention_class: int = DEFAULT_CLASS
    conversation: bytes = NO_CONVERSATION


class Addition(NamedTuple):
    """What one commit adds to a log: manifests that end these segments, then records, and a memo about them.

    The segment of `ended_class` ends behind the records, which are of that class.
    """

    entries: Sequence[Entry] = ()
    ended: Sequence[OpenSegment] = ()
    ended_class: int | None = None
    memo: bytes = b""
    forget_memos_before: int = 0
    destroyed: Sequence[Destruction] = ()


class LogState(NamedTuple):
    """The stored state: the number of records, the last one's time, and the open segments by retention class."""

    size: int
    time_ns: int
    next_segment: int
    segments: Mapping[int, OpenSegment] = MappingProxyType({})


class AppendPlan(NamedTuple):
    """A complete append that is not stored yet; `first` is the index of the caller's first entry."""

    change: Change
    state: LogState
    first: LeafIndex


class Draft:
    """Builds an append; `prepared` has seals by the chain that each was made from, and loses them as they are used.

    `mac` makes the MAC of its leaves.

    A segment's age goes by `clock_ns`, also if the clock was set back; a record's time never goes back.
    """

    def __init__(
        self,
        state: LogState,
        clock_ns: int,
        origin: str,
        prepared: MutableMapping[bytes, Seal],
        mac: Callable[[Sequence[bytes]], bytes],
    ) -> None:
        self._state = state
        self._prepared = prepared
        self._mac = mac
        self._clock_ns = clock_ns
        self._now_ns = max(state.time_ns, clock_ns)
        self._origin = origin
        self._leaves: list[bytes] = []
        self._payloads: list[bytes] = []
        self._segments = dict(state.segments)
        self._next_segment = state.next_segment
        self._opened: list[SegmentRow] = []
        self._closed: list[tuple[int, int]] = []
        self._filling: dict[int, _Filling] = {}

    @property
    def _next_index(self) -> LeafIndex:
        return LeafIndex(self._state.size + len(self._leaves))

    def plan(self, addition: Addition, recipients: Sequence[Recipient]) -> AppendPlan:
        """Return the change that makes an addition, and the state that it leads to."""
        for segment in addition.ended:
            self._end_segment(segment)
        first = self._add_all(addition.entries, recipients)
        if addition.ended_class is not None:
            self._end_segment(self._filling.pop(addition.ended_class).filled())
        return self._finish(first, addition)

    def _end_segment(self, segment: OpenSegment) -> None:
        self._closed.append((segment.number, self._next_index))
        self._add_plain(*segment.manifest())
        self._segments.pop(segment.retention_class, None)

    def _make_room(self, retention_class: int, records: int, recipients: Sequence[Recipient]) -> None:
        segment = self._segments.get(retention_class)
        if segment is not None and segment.has_room(records, self._clock_ns):
            return
        if segment is not None:
            self._end_segment(segment)
        number, self._next_segment = self._next_segment, self._next_segment + 1
        segment, envelopes, record = open_segment(
            number, retention_class, self._clock_ns, self._origin, recipients
        )
        self._opened.append(
            SegmentRow(number, retention_class, self._next_index, self._now_ns, None, envelopes)
        )
        self._add_plain(*record)
        self._segments[retention_class] = segment

    def _add_all(self, entries: Sequence[Entry], recipients: Sequence[Recipient]) -> LeafIndex:
        """Add consecutive records to a segment with room for all of them; return the first one's index."""
        for retention_class, records in _count_classes(entries).items():
            self._make_room(retention_class, records, recipients)
        first = self._next_index
        for index, entry in enumerate(entries, first):
            self._add(index, entry)
        return first

    def _add(self, index: int, entry: Entry) -> None:
        kind, payload, retention_class, conversation = entry
        if not kind.is_sealed:
            self._add_plain(kind, payload)
            return
        filling = self._filling.get(retention_class)
        if filling is None:
            segment = self._segments[retention_class]
            filling = self._filling[retention_class] = _Filling(segment, index, self._prepared)
        header = encode_header(
            kind,
            index,
            self._now_ns,
            filling.segment.number,
            retention_class,
            filling.position,
            len(payload) + TAG_SIZE_BYTES,
            conversation,
        )
        sealed = filling.next_seal(index).seal(header, payload)
        self._leaves.append(header + sha256(sealed).digest())
        self._payloads.append(sealed)

    def _finish(self, first: LeafIndex, addition: Addition) -> AppendPlan:
        for retention_class, filling in self._filling.items():
            self._segments[retention_class] = filling.filled()
        change = Change(
            self._state.size,
            self._leaves,
            self._payloads,
            MemoRow(first, addition.memo) if addition.memo else None,
            addition.forget_memos_before,
            self._opened,
            self._closed,
            addition.destroyed,
            mac=self._mac(self._leaves),
        )
        state = LogState(self._next_index, self._now_ns, self._next_segment, self._segments)
        return AppendPlan(change, state, first)

    def _add_plain(self, kind: RecordKind, payload: bytes) -> None:
        header = encode_header(
            kind, self._next_index, self._now_ns, NOT_SEALED, 0, 0, len(payload), NO_CONVERSATION
        )
        self._leaves.append(header + sha256(payload).digest())
        self._payloads.append(payload)


class _Filling:
    """What one append adds to a segment: a ratchet that only goes forward."""

    __slots__ = ("_chain", "_first", "_last", "_prepared", "position", "segment")

    def __init__(self, segment: OpenSegment, first: int, prepared: MutableMapping[bytes, Seal]) -> None:
        self.segment = segment
        self._prepared = prepared
        self.position = segment.count
        self._chain = segment.chain
        self._first = self._last = first

    def next_seal(self, index: int) -> Seal:
        """Return the seal for the record at `index`, and forget it."""
        seal = self._prepared.pop(self._chain, None) or prepare_seal(self._chain)
        self._chain = seal.chain
        self.position += 1
        self._last = index
        return seal

    def filled(self) -> OpenSegment:
        """Return the segment with what was added."""
        added = self.position - self.segment.count
        return self.segment.grown(self._chain, added, self._first, self._last)


def _count_classes(entries: Sequence[Entry]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for entry in entries:
        if entry.kind.is_sealed:
            counts[entry.retention_class] = counts.get(entry.retention_class, 0) + 1
    return counts
