"""Reads what reviewers did from the audit log: acts, and who opened what."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from components.archive.errors import LogMissing
from components.archive.opener import OpenedRecord
from components.archive.record import Access, Event, RecordKind, parse_record
from components.audit.open_log import open_log
from components.audit.review.author import read_signed
from components.rules.reviewers import Reviewers
from components.settings.site import SiteFile
from policy.supervision.act import ActError
from policy.supervision.item import Entry

_NS_PER_S = 1_000_000_000
_RECORDS_PER_FETCH = 500
_KINDS = frozenset({RecordKind.SUPERVISION, RecordKind.ACCESS})
# Looks that show the content of the records that their query names.
_OPENS = frozenset({"show", "review-show", "review-list", "review-release", "review-refuse"})


@dataclass(frozen=True, slots=True)
class View:
    """Somebody opened an item; `at_ns` is the log's own time."""

    item: str
    by: str
    at_ns: int


@dataclass(slots=True)
class ReviewRecords:
    """What the audit log says of reviews, in its order; `malformed` counts acts that cannot be read."""

    entries: list[Entry] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    malformed: int = 0


async def read_review_records(settings: SiteFile, reviewers: Reviewers) -> ReviewRecords:
    """Read all acts and views of the audit log, and verify the acts' signatures; raises SiteError and LogError."""
    found = ReviewRecords()
    async for opened in _open_records(settings):
        record = _parse(opened)
        if isinstance(record, Access) and record.act in _OPENS:
            found.views += [View(item, record.actor, opened.leaf.time_ns) for item in record.query.split()]
        elif isinstance(record, Event):
            _take_act(found, record, opened, settings.audit_log.name, reviewers)
    return found


def _take_act(
    found: ReviewRecords, event: Event, opened: OpenedRecord, log_name: str, reviewers: Reviewers
) -> None:
    try:
        signed = read_signed(event)
    except ActError:
        found.malformed += 1
        return
    at_ns = opened.leaf.time_ns
    problem = reviewers.find_signature_problem(signed.act, signed.signature, at_ns // _NS_PER_S)
    found.entries.append(Entry(signed.act, f"{log_name}/{opened.index}", at_ns, problem, signed.outcome))


async def _open_records(settings: SiteFile) -> AsyncIterator[OpenedRecord]:
    """Open the records that reviews are made of, also those that no checkpoint covers yet."""
    try:
        async with open_log(settings, settings.audit_log) as log:
            first = 0
            while stored := await log.reader.fetch(first, _RECORDS_PER_FETCH):
                for each in stored:
                    if each.leaf.kind in _KINDS:
                        yield await log.open(each)
                first = stored[-1].index + 1
    except LogMissing:
        # Nobody has looked at anything yet.
        return


def _parse(opened: OpenedRecord) -> Access | Event | None:
    try:
        record = parse_record(RecordKind(opened.leaf.kind), opened.payload or b"")
    except ValueError:
        return None
    return record if isinstance(record, Access | Event) else None
