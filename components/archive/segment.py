"""The writer's open segments: where a record goes, and when a segment ends (docs/archive-format.md, section 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from components.archive.bookkeeping import Manifest, SegmentOpened, encode_bookkeeping
from components.archive.errors import LogDamaged
from components.archive.log.leaf import LeafError, parse_leaf
from components.archive.record import RecordKind
from components.archive.seal import Recipient, new_segment_keys, seal_segment_keys
from components.archive.store import LogSource, SegmentRow

MAX_RECORDS = 4096
MAX_AGE_S = 600
MAX_BATCH_RECORDS = 65_536  # a leaf's position has two bytes


@dataclass(frozen=True, slots=True)
class OpenSegment:
    """An open segment: its next record has the number `count`, and the key at `chain`.

    `opened_at_ns` is the clock's time, and a leaf's time may be later.
    """

    number: int
    retention_class: int
    opened_at_ns: int
    chain: bytes
    count: int = 0
    first: int = -1
    last: int = -1

    def has_room(self, records: int, now_ns: int) -> bool:
        """Return whether `records` more may be added now; an empty segment takes a batch of any length."""
        if self.is_over(now_ns):
            return False
        return self.count == 0 or self.count + records <= MAX_RECORDS

    def is_over(self, now_ns: int) -> bool:
        """Return whether it has lasted long enough; it also ends if the clock was set back."""
        return not 0 <= now_ns - self.opened_at_ns < MAX_AGE_S * 1_000_000_000

    def grown(self, chain: bytes, count: int, first: int, last: int) -> "OpenSegment":
        """Add `count` records, at least one, the first and last of these indexes; `chain` is behind them."""
        first = self.first if self.count else first
        number, retention_class, opened_at_ns = self.number, self.retention_class, self.opened_at_ns
        return OpenSegment(number, retention_class, opened_at_ns, chain, self.count + count, first, last)

    def manifest(self) -> tuple[RecordKind, bytes]:
        """Return the record that ends it."""
        return encode_bookkeeping(
            Manifest(self.number, self.retention_class, self.count, self.first, self.last)
        )


def open_segment(
    number: int, retention_class: int, now_ns: int, origin: str, recipients: Sequence[Recipient]
) -> tuple[OpenSegment, bytes, tuple[RecordKind, bytes]]:
    """Begin a segment; returns also its envelopes, for the store, and the record that opens it."""
    keys = new_segment_keys()
    envelopes = seal_segment_keys(keys, origin, number, recipients)
    names = tuple(recipient.name for recipient in recipients)
    opened = SegmentOpened(number, retention_class, sha256(envelopes).hexdigest(), names)
    return (
        OpenSegment(number, retention_class, now_ns, keys.chain),
        envelopes,
        encode_bookkeeping(opened),
    )


async def count_segment(source: LogSource, row: SegmentRow) -> OpenSegment:
    """Rebuild a segment whose writer was killed; its chain is gone, so it can only be ended."""
    segment = OpenSegment(row.number, row.retention_class, row.opened_at_ns, b"")
    index = row.first
    try:
        while leaves := await source.fetch_leaves(index, index + MAX_RECORDS):
            for leaf in map(parse_leaf, leaves):
                if leaf.segment == row.number:
                    segment = segment.grown(b"", 1, leaf.index, leaf.index)
            index += len(leaves)
    except LeafError as error:
        raise LogDamaged(f"a record of segment {row.number}: {error}") from error
    return segment
