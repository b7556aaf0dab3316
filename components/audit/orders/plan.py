"""Works out from the segments' own records what is due to expire, and what a hold keeps."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from components.archive.bookkeeping import BookkeepingError, Manifest, parse_bookkeeping
from components.archive.log.leaf import parse_leaf
from components.archive.orders.contents import read_segment
from components.archive.record import RecordKind
from components.archive.store import LogSource, SegmentRow
from policy.destruction import Hold, Refusal, SegmentFacts, consider_all, decide_expiry, holds_on_segment
from policy.retention import PERMANENT_CLASS, RetentionPolicy, is_due

_CHUNK_SEGMENTS = 500


@dataclass(frozen=True, slots=True)
class DueSegment:
    """A segment whose retention time is over; `holds` are the ids of the holds that keep it longer.

    `records` counts all that it ever had.
    """

    facts: SegmentFacts
    holds: tuple[str, ...]
    records: int


@dataclass(frozen=True, slots=True)
class ExpiryPlan:
    """What could expire at a time.

    `considered` are the ids of all holds in force, also of those that keep none of it.
    """

    due: tuple[DueSegment, ...]
    considered: tuple[str, ...]

    @property
    def free(self) -> tuple[DueSegment, ...]:
        """The segments that no hold keeps."""
        return tuple(each for each in self.due if not each.holds)


async def plan_expiry(
    source: LogSource, policy: RetentionPolicy, now_ns: int, holds: Sequence[Hold]
) -> ExpiryPlan:
    """Find the segments whose time is over; `holds` are evaluated. Raises LogError."""
    due = []
    async for row in _fetch_candidates(source, policy, now_ns):
        newest_ns, records = await measure_segment(source, row)
        if is_due(policy, now_ns, row.retention_class, newest_ns):
            facts = SegmentFacts(row.number, row.retention_class, newest_ns)
            by_record = any(hold.indexes or hold.conversations for hold in holds)
            seen = (await read_segment(source, row)).facts if by_record else facts
            ids = tuple(holds_on_segment(seen, holds))
            due.append(DueSegment(facts, ids, records))
    return ExpiryPlan(tuple(due), tuple(sorted(hold.id for hold in holds)))


async def refuse_expiry(
    source: LogSource, policy: RetentionPolicy, now_ns: int, numbers: Sequence[int], holds: Sequence[Hold]
) -> list[Refusal]:
    """Return the reasons against an expiry of these segments, as the writer will find them; `holds` are evaluated."""
    terms = consider_all(policy, now_ns, holds)
    refusals: list[Refusal] = []
    for number in numbers:
        rows = await source.fetch_segments(number, number + 1)
        known = {row.number: (await read_segment(source, row)).facts for row in rows}
        refusals += decide_expiry(terms, [number], known)
    return refusals


async def _fetch_candidates(
    source: LogSource, policy: RetentionPolicy, now_ns: int
) -> AsyncIterator[SegmentRow]:
    last = await source.fetch_last_segment()
    for first in range(1, last + 1, _CHUNK_SEGMENTS):
        for row in await source.fetch_segments(first, min(first + _CHUNK_SEGMENTS, last + 1)):
            gone = row.keys is None or row.manifest is None or row.retention_class == PERMANENT_CLASS
            # Its newest record is not older than its beginning.
            if not gone and is_due(policy, now_ns, row.retention_class, row.opened_at_ns):
                yield row


async def measure_segment(source: LogSource, row: SegmentRow) -> tuple[int, int]:
    """Return the time of a segment's newest record, or of its beginning, and how many records it has."""
    manifest = row.manifest or 0
    for record in await source.fetch_rows(manifest, manifest + 1):
        try:
            parsed = parse_bookkeeping(RecordKind.MANIFEST, record.payload or b"")
        except BookkeepingError:
            break
        if isinstance(parsed, Manifest) and parsed.count:
            for leaf in await source.fetch_leaves(parsed.last, parsed.last + 1):
                return parse_leaf(leaf).time_ns, parsed.count
    return row.opened_at_ns, 0
