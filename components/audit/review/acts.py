"""Reads what reviewers did from the audit log: acts, and who opened what."""

from collections.abc import AsyncIterator, Sequence

from components.archive.errors import LogMissing
from components.archive.log.leaf import Leaf
from components.archive.opener import OpenedRecord
from components.archive.record import Access, Event, RecordKind, parse_record
from components.audit.open_log import open_log
from components.audit.review.author import read_signed
from components.audit.review.flagged_reader import FlaggedReader
from components.audit.review.items import ItemViews, ReviewRecords, View
from components.audit.review.rules import KnownRules
from components.rules.reviewers import Reviewers
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from policy.supervision.act import Act, ActError, encode_act
from policy.supervision.item import Entry

_NS_PER_S = 1_000_000_000
_RECORDS_PER_FETCH = 500
_KINDS = frozenset({RecordKind.SUPERVISION, RecordKind.ACCESS})
# Looks that show the content of the records that their query names.
_OPENS = frozenset({"show", "review-show", "review-list", "review-release", "review-refuse"})


class ReviewReader:
    """Reads the audit logs again and again, each time what is new: a process that serves many looks keeps one.

    What it has read is in memory alone, and can be read anew at any time. `flagged` reads likewise what is reviewed,
    `items` keeps how it looks, and `rules` those of the policy.
    """

    def __init__(self, settings: SiteFile, reviewers: Reviewers) -> None:
        self._settings = settings
        self._reviewers = reviewers
        # The leaves of what was read last, by the names of their logs.
        self._last: dict[str, Leaf] = {}
        self._found = ReviewRecords()
        self.flagged = FlaggedReader()
        self.items = ItemViews()
        self.rules = KnownRules()

    async def read(self) -> ReviewRecords:
        """Return all acts, with their signatures verified, and all views; raises SiteError and LogError."""
        logs = (self._settings.audit_log, *self._settings.other_audit_logs)
        if not await self._is_continued(logs):
            self._last, self._found = {}, ReviewRecords()
        found = self._found
        for log in logs:
            async for opened in self._open_new(log):
                record = _parse(opened)
                if isinstance(record, Access) and record.act in _OPENS:
                    at_ns = opened.leaf.time_ns
                    found.views += [View(item, record.actor, at_ns) for item in record.query.split()]
                elif isinstance(record, Event):
                    self._take_act(record, opened, log.name)
        # Each log keeps its own order, in which time never goes back.
        found.entries.sort(key=lambda entry: entry.at_ns)
        return found

    def _take_act(self, event: Event, opened: OpenedRecord, log_name: str) -> None:
        try:
            signed = read_signed(event)
        except ActError:
            self._found.malformed += 1
            return
        act, at_ns = signed.act, opened.leaf.time_ns
        problem = self._find_origin_problem(act) or self._reviewers.find_signature_problem(
            act.by, encode_act(act), signed.signature, at_ns // _NS_PER_S
        )
        entry = Entry(act, f"{log_name}/{opened.index}", at_ns, problem, signed.outcome)
        self._found.entries.append(entry)

    def _find_origin_problem(self, act: Act) -> str:
        """Return why an act is of another site than this: an auditor of both may have the same key at both."""
        log = self._settings.find_log(act.item.rpartition("/")[0])
        return "" if log and log.origin == act.origin else f"it was made at another site: {act.origin}"

    async def _is_continued(self, logs: Sequence[LogSettings]) -> bool:
        """Return whether the logs still have what was read last: one that was put back from a backup may not."""
        for log in logs:
            if (leaf := self._last.get(log.name)) is not None:
                async with open_log(self._settings, log) as opener:
                    if [each.leaf for each in await opener.reader.fetch(leaf.index, 1)] != [leaf]:
                        return False
        return True

    async def _open_new(self, log: LogSettings) -> AsyncIterator[OpenedRecord]:
        """Open the new records that reviews are made of, also those that no checkpoint covers yet."""
        last = self._last.get(log.name)
        first = 0 if last is None else last.index + 1
        try:
            async with open_log(self._settings, log) as opener:
                while stored := await opener.reader.fetch(first, _RECORDS_PER_FETCH):
                    for each in stored:
                        if each.leaf.kind in _KINDS:
                            yield await opener.open(each)
                        self._last[log.name] = each.leaf
                    first = stored[-1].index + 1
        except LogMissing:
            # Nobody has looked at anything there yet.
            return


def _parse(opened: OpenedRecord) -> Access | Event | None:
    try:
        record = parse_record(RecordKind(opened.leaf.kind), opened.payload or b"")
    except ValueError:
        return None
    return record if isinstance(record, Access | Event) else None
