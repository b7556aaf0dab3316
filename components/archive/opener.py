"""Opens sealed records with the private key of a recipient."""

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from components.archive import seal
from components.archive.log.leaf import NOT_SEALED, Leaf, LeafIndex, encode_leaf
from components.archive.reader import LogReader, StoredRecord

if TYPE_CHECKING:
    from components.archive.grant import GrantedSegments

HASH_SIZE_BYTES = 32

NOT_OPENED = "not opened: it is sealed to others, and no grant in force opens it"

# Records come in the log's order from a few open segments at a time.
_SEGMENTS_KEPT = 16


@dataclass(frozen=True, slots=True)
class OpenedRecord:
    """A record in the clear; `payload` is None if it was destroyed or does not open, as `fault` says."""

    stored: StoredRecord
    payload: bytes | None
    fault: str = ""

    @property
    def index(self) -> LeafIndex:
        """Its place in the log."""
        return self.stored.index

    @property
    def leaf(self) -> Leaf:
        """What the tree commits to."""
        return self.stored.leaf


@dataclass(slots=True)
class _Ratchet:
    """The keys of one segment, used in order; to go back, it works the earlier keys out again."""

    keys: seal.SegmentKeys
    position: int
    chain: bytes

    def key_at(self, position: int) -> bytes:
        if (single := self.keys.single.get(position)) is not None:
            return single
        if position < self.position:
            self.position, self.chain = self.keys.chain_position, self.keys.chain
        if position < self.position:
            raise seal.SealError(f"the key of position {position} was destroyed")
        record_key = b""
        while self.position <= position:
            record_key, self.chain = seal.advance(self.chain)
            self.position += 1
        return record_key


@dataclass(slots=True)
class RecordOpener:
    """Opens the records of one log of this `origin` with the `keys` of any of its recipients.

    With `granted`, it also opens what grants do; a record that neither opens is then one with the fault NOT_OPENED.
    """

    reader: LogReader
    origin: str
    keys: Sequence[seal.EnvelopeOpener]
    granted: "GrantedSegments | None" = None
    _ratchets: dict[int, _Ratchet] = field(default_factory=dict)
    # With grants: segments that do not open.
    _closed: set[int] = field(default_factory=set)

    async def open(self, stored: StoredRecord) -> OpenedRecord:
        """Open one record; raises NoKeyError when it is sealed to others and there are no grants, and LogError."""
        return (await self.open_with_key(stored))[0]

    async def open_with_key(self, stored: StoredRecord) -> tuple[OpenedRecord, bytes]:
        """Open one record as `open` does, and return its own key, too; empty where it has none, or does not open.

        The key opens this record alone: no other record's key follows from it (docs/archive-format.md, section 2).
        """
        leaf = stored.leaf
        if leaf.segment == NOT_SEALED or stored.payload is None:
            return OpenedRecord(stored, stored.payload), b""
        if leaf.segment in self._closed:
            return OpenedRecord(stored, None, NOT_OPENED), b""
        header = encode_leaf(leaf)[:-HASH_SIZE_BYTES]
        try:
            ratchet = self._ratchets.get(leaf.segment) or await self._load(leaf.segment)
            record_key = ratchet.key_at(leaf.position)
            return OpenedRecord(stored, seal.open_payload(record_key, header, stored.payload)), record_key
        except seal.NoKeyError:
            if self.granted is None:
                raise
            self._closed.add(leaf.segment)
            return OpenedRecord(stored, None, NOT_OPENED), b""
        except seal.SealError as error:
            return OpenedRecord(stored, None, str(error)), b""

    async def fetch(self, first: int, count: int, wanted: Container[int] | None = None) -> list[OpenedRecord]:
        """Return up to `count` records from index `first` on, opened; of these the `wanted` ones, if that is told.

        Raises as `open` does.
        """
        found = await self.reader.fetch(first, count)
        return [await self.open(stored) for stored in found if wanted is None or stored.index in wanted]

    async def _load(self, segment: int) -> _Ratchet:
        rows = await self.reader.source.fetch_segments(segment, segment + 1)
        if not rows or rows[0].keys is None:
            raise seal.SealError(f"the keys of segment {segment} are gone")
        keys = self._open_keys(rows[0].keys, segment)
        while len(self._ratchets) >= _SEGMENTS_KEPT:
            del self._ratchets[next(iter(self._ratchets))]
        ratchet = self._ratchets[segment] = _Ratchet(keys, keys.chain_position, keys.chain)
        return ratchet

    def _open_keys(self, envelopes: bytes, segment: int) -> seal.SegmentKeys:
        try:
            return seal.open_segment_keys(envelopes, self.origin, segment, self.keys)
        except seal.NoKeyError:
            if self.granted is None:
                raise
            return self.granted.open(segment)
