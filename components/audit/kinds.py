"""Reads the records of a few kinds out of a log: leaves say the kind, so nothing else is fetched or opened."""

from collections.abc import AsyncIterator, Collection, Iterator

from components.archive.opener import OpenedRecord, RecordOpener
from components.archive.record import Event, RecordKind, parse_record
from components.process.progress import Progress

_CHUNK_RECORDS = 1024
# Where a leaf has its kind (docs/archive-format.md, section 3).
_KIND = 1


async def read_kinds(
    log: RecordOpener, kinds: Collection[RecordKind], progress: Progress, first: int = 0
) -> AsyncIterator[OpenedRecord]:
    """Yield the records of `kinds` under the newest checkpoint, opened, a few in memory at a time; raises LogError."""
    size = await log.reader.size()
    for begin in range(first, size, _CHUNK_RECORDS):
        end = min(begin + _CHUNK_RECORDS, size)
        leaves = await log.reader.source.fetch_leaves(begin, end)
        for start, count in _runs(leaves, kinds):
            for opened in await log.fetch(begin + start, count):
                if opened.leaf.kind in kinds:
                    yield opened
        progress(end, size)


def parse_event(opened: OpenedRecord, kind: RecordKind) -> Event | None:
    """Return what a record of this kind says; None for any other record, and for one that cannot be read."""
    if opened.leaf.kind != kind or opened.payload is None:
        return None
    try:
        record = parse_record(kind, opened.payload)
    except ValueError:  # RecordError
        return None
    return record if isinstance(record, Event) else None


def _runs(leaves: Collection[bytes], kinds: Collection[RecordKind]) -> Iterator[tuple[int, int]]:
    """Yield where leaves of these kinds follow one another, and how many do."""
    start = None
    for place, leaf in enumerate((*leaves, b"\0\0")):
        if leaf[_KIND] in kinds:
            start = place if start is None else start
        elif start is not None:
            yield start, place - start
            start = None
