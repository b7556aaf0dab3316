"""The content of a segment, read from its leaves alone, without opening anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.archive.errors import LogDamaged
from components.archive.log.leaf import NOT_SEALED, Leaf, LeafError, parse_leaf
from components.archive.orders.order import Order, OrderAct
from components.archive.store import LogSource, SegmentRow
from policy.destruction import RecordFacts, SegmentFacts

_CHUNK_RECORDS = 1024

# Where a leaf has its segment's number (docs/archive-format.md, section 3).
_SEGMENT = slice(18, 22)


@dataclass(frozen=True, slots=True)
class SegmentContents:
    """A segment's row, the leaves of its records in order, and the indexes of those that are destroyed.

    An open segment is not looked into: it has neither.
    """

    row: SegmentRow
    leaves: Sequence[Leaf]
    destroyed: frozenset[int]

    @property
    def remaining(self) -> list[Leaf]:
        """The leaves of the records whose payload is there."""
        return [leaf for leaf in self.leaves if leaf.index not in self.destroyed]

    @property
    def facts(self) -> SegmentFacts:
        """What a decision about it needs."""
        remaining = self.remaining
        return SegmentFacts(
            self.row.number,
            self.row.retention_class,
            self.leaves[-1].time_ns if self.leaves else self.row.opened_at_ns,
            ended=self.row.manifest is not None,
            destroyed=self.row.keys is None,
            indexes=frozenset(leaf.index for leaf in remaining),
            conversations=frozenset(leaf.conversation for leaf in remaining),
        )


async def fetch_segment(source: LogSource, number: int) -> SegmentRow | None:
    """Return the row of a segment, None when there is none."""
    rows = await source.fetch_segments(number, number + 1)
    return rows[0] if rows else None


async def read_segment(source: LogSource, row: SegmentRow) -> SegmentContents:
    """Read what a segment holds; raises LogUnavailable and LogDamaged."""
    if row.manifest is None:
        return SegmentContents(row, (), frozenset())
    number = row.number.to_bytes(4, "big")
    leaves: list[Leaf] = []
    try:
        for first in range(row.first, row.manifest, _CHUNK_RECORDS):
            chunk = await source.fetch_leaves(first, min(first + _CHUNK_RECORDS, row.manifest))
            leaves += [parse_leaf(leaf) for leaf in chunk if leaf[_SEGMENT] == number]
    except LeafError as error:
        raise LogDamaged(f"a record of segment {row.number}: {error}") from error
    destroyed = set(await source.fetch_destroyed(row.first, row.manifest))
    return SegmentContents(row, leaves, frozenset(destroyed.intersection(leaf.index for leaf in leaves)))


async def has_begun(source: LogSource, order: Order) -> bool:
    """Return whether an order to destroy has come to all of its segments, or records; reads no payloads."""
    if order.act is OrderAct.EXPIRE:
        rows = [await fetch_segment(source, number) for number in order.segments]
        return all(row is None or row.keys is None for row in rows)
    destroyed = [await source.fetch_destroyed(index, index + 1) for index in order.indexes]
    return all(destroyed)


async def read_record_facts(source: LogSource, indexes: Sequence[int]) -> Mapping[int, RecordFacts]:
    """Read what a decision about these records needs; those that are not there are left out."""
    found: dict[int, RecordFacts] = {}
    ended: dict[int, bool] = {}
    for index in indexes:
        for raw in await source.fetch_leaves(index, index + 1):
            try:
                leaf = parse_leaf(raw)
            except LeafError as error:
                raise LogDamaged(f"record {index}: {error}") from error
            if leaf.segment != NOT_SEALED and leaf.segment not in ended:
                row = await fetch_segment(source, leaf.segment)
                ended[leaf.segment] = row is not None and row.manifest is not None
            found[index] = RecordFacts(
                index,
                leaf.segment,
                leaf.retention_class,
                leaf.time_ns,
                leaf.conversation,
                ended=ended.get(leaf.segment, True),
                destroyed=bool(await source.fetch_destroyed(index, index + 1)),
            )
    return found
