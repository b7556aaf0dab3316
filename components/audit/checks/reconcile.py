"""Reconciles: checks, by the records alone, that the log holds every number that the server gave, in each epoch.

The gate keeps such an account while it runs (docs/alarms.md). This check does not have to trust the gate.
"""

import time
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from components.archive.opener import OpenedRecord, RecordOpener
from components.archive.orders.tombstoned import Tombstoned, fetch_tombstoned
from components.archive.record import (
    Access,
    Alarm,
    Delivery,
    RecordKind,
    Submission,
    parse_record,
)
from components.archive.record_header import RecordError
from components.audit.access import name_actor, record_access
from components.audit.open_log import open_log
from components.link.sequence import Range
from components.process.progress import Progress
from components.settings.site import SiteFile

_CHUNK_RECORDS = 500
_SUBMISSIONS = (RecordKind.STANZA, RecordKind.SESSION)
_RELEASED = ("release", "amend")
# Ways of stanzas that are held and not only recorded: the server says which it carried out (gate protocol, 4.1).
_HELD_WAYS = ("c2s", "s2s", "component", "gate")
_KINDS = (*_SUBMISSIONS, RecordKind.DELIVERY, RecordKind.ALARM)


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What the log holds of one life of the server.

    `last` is its highest number, `through` what the server says it carried out. `unknown` counts released stanzas
    whose delivery no status confirms; it is 0 in the newest epoch, which goes on. `missing` numbers are in no record
    and were not bounced. For `unsure` numbers, the records that would decide this were destroyed when their time was
    over. `repeated` numbers are recorded twice, `misplaced` ones after a higher number.
    """

    epoch: str
    submissions: int
    last: int
    through: int
    bounced: int
    unknown: int
    missing: tuple[Range, ...]
    unsure: tuple[Range, ...]
    repeated: tuple[Range, ...]
    misplaced: tuple[Range, ...]

    @property
    def findings(self) -> int:
        """Count the ranges of numbers that are missing, repeated or misplaced."""
        return len(self.missing) + len(self.repeated) + len(self.misplaced)


@dataclass(frozen=True, slots=True)
class RaisedAlarm:
    """An alarm that the gate recorded, at this index of the log."""

    index: int
    alarm: Alarm


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The account of a log of `log_size` records; `records_missing` are indexes without a record.

    `payloads_missing` are indexes of records of which only the leaf is left, without a tombstone. `unreadable` are
    those of records that do not open or parse. `access_id` is the record of this look.
    """

    log_size: int
    epochs: tuple[EpochReport, ...]
    records_missing: tuple[Range, ...]
    payloads_missing: tuple[Range, ...]
    unreadable: tuple[Range, ...]
    destroyed: int
    alarms: tuple[RaisedAlarm, ...]
    access_id: str = ""

    @property
    def findings(self) -> int:
        """Count the ranges of what is missing, repeated, out of order or unreadable."""
        ranges = (*self.records_missing, *self.payloads_missing, *self.unreadable)
        return len(ranges) + sum(each.findings for each in self.epochs)


@dataclass(slots=True)
class _Gap:
    """Numbers without a record so far, and how many records were destroyed in their place.

    They are `unsure` if a DELIVERY record that might have named them as bounced was destroyed.
    """

    first: int
    last: int
    destroyed: int
    unsure: bool
    settled: bool = False


@dataclass(slots=True)
class _EpochAccount:
    """What the records so far say of one epoch; see EpochReport.

    `gaps` are numbers that may still come or be accounted for, in order.
    """

    name: str
    submissions: int = 0
    last: int = 0
    through: int = 0
    bounced: set[int] = field(default_factory=set)
    # Released, and beyond `through`.
    open: deque[int] = field(default_factory=deque)
    gaps: list[_Gap] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    misplaced: list[int] = field(default_factory=list)


class NumberAccount:
    """Takes a log's records in order, and returns its account; pure."""

    def __init__(self) -> None:
        self._size = 0
        self._epochs: dict[str, _EpochAccount] = {}
        self._records_missing: list[Range] = []
        self._unreadable: list[int] = []
        # Records whose payload is gone, and their places in segments; a tombstone comes after its records.
        self._gone: dict[int, tuple[int, int]] = {}
        self._tombstoned = Tombstoned()
        # Both count from the last submission that is there.
        self._destroyed_since = 0
        self._delivery_destroyed = False
        self._alarms: list[RaisedAlarm] = []

    def take(self, opened: OpenedRecord) -> None:
        """Account for the next record."""
        if opened.index > self._size:
            self._records_missing.append(Range(self._size, opened.index - 1))
        self._size = opened.index + 1
        kind = opened.leaf.kind
        if opened.stored.payload is None:
            self._gone[opened.index] = (opened.leaf.segment, opened.leaf.position)
            self._take_destroyed(kind)
            return
        if kind == RecordKind.TOMBSTONE:
            self._tombstoned.add(opened.payload)
        if kind not in _KINDS:
            return
        try:
            record = parse_record(RecordKind(kind), opened.payload or b"")
        except RecordError:
            self._unreadable.append(opened.index)
            return
        match record:
            case Submission():
                self._take_submission(record)
            case Delivery():
                self._take_delivery(record)
            case Alarm():
                self._alarms.append(RaisedAlarm(opened.index, record))

    def finish(self, log_size: int, unsigned: Tombstoned) -> Reconciliation:
        """Return the account of a log of this size; `unsigned` are tombstones after its last signed record."""
        missing = [
            index
            for index, place in self._gone.items()
            if not self._tombstoned.has(*place) and not unsigned.has(*place)
        ]
        if log_size > self._size:
            self._records_missing.append(Range(self._size, log_size - 1))
        newest = next(reversed(self._epochs), "")
        return Reconciliation(
            log_size,
            tuple(_report(epoch, is_newest=epoch.name == newest) for epoch in self._epochs.values()),
            tuple(self._records_missing),
            tuple(_ranges(missing)),
            tuple(_ranges(self._unreadable)),
            len(self._gone) - len(missing),
            tuple(self._alarms),
        )

    def _take_destroyed(self, kind: int) -> None:
        if kind in _SUBMISSIONS:
            self._destroyed_since += 1
        elif kind == RecordKind.DELIVERY:
            self._delivery_destroyed = True
            for epoch in self._epochs.values():
                for gap in epoch.gaps:
                    gap.unsure = gap.unsure or not gap.settled

    def _take_submission(self, submission: Submission) -> None:
        epoch, seq = self._epoch(submission.epoch), submission.seq
        epoch.submissions += 1
        if submission.action in _RELEASED and submission.way in _HELD_WAYS and seq > epoch.through:
            epoch.open.append(seq)
        if seq <= epoch.last:
            late = any(gap.first <= seq <= gap.last for gap in epoch.gaps)
            (epoch.misplaced if late else epoch.repeated).append(seq)
        elif seq > epoch.last + 1:
            gap = _Gap(epoch.last + 1, seq - 1, self._destroyed_since, self._delivery_destroyed)
            epoch.gaps.append(gap)
        epoch.last = max(epoch.last, seq)
        self._destroyed_since, self._delivery_destroyed = 0, False

    def _take_delivery(self, delivery: Delivery) -> None:
        epoch = self._epoch(delivery.epoch)
        epoch.through = max(epoch.through, delivery.through)
        epoch.bounced.update(delivery.bounced)
        while epoch.open and epoch.open[0] <= epoch.through:
            epoch.open.popleft()
        for gap in epoch.gaps:
            # All bounced numbers below this have been named by now (gate protocol, section 4.3).
            gap.settled = gap.settled or gap.last <= delivery.through

    def _epoch(self, name: str) -> _EpochAccount:
        return self._epochs.setdefault(name, _EpochAccount(name))


def _report(epoch: _EpochAccount, *, is_newest: bool) -> EpochReport:
    missing: list[Range] = []
    unsure: list[Range] = []
    accounted = sorted(epoch.bounced.union(epoch.misplaced))
    if epoch.through > epoch.last:  # a status says that it was carried out, but it was never recorded
        epoch.gaps.append(_Gap(epoch.last + 1, epoch.through, 0, False))
    for gap in epoch.gaps:
        left = list(_without(accounted, gap.first, gap.last))
        if sum(each.numbers for each in left) > gap.destroyed:
            (unsure if gap.unsure else missing).extend(left)
    return EpochReport(
        epoch.name,
        epoch.submissions,
        epoch.last,
        epoch.through,
        len(epoch.bounced),
        0 if is_newest else sum(seq not in epoch.bounced for seq in epoch.open),
        tuple(missing),
        tuple(unsure),
        tuple(_ranges(sorted(epoch.repeated))),
        tuple(_ranges(sorted(epoch.misplaced))),
    )


def _without(accounted: list[int], first: int, last: int) -> Iterator[Range]:
    """Yield the numbers from `first` to `last` without those in this sorted list, as ranges."""
    for number in accounted[bisect_left(accounted, first) : bisect_right(accounted, last)]:
        if first < number:
            yield Range(first, number - 1)
        first = number + 1
    if first <= last:
        yield Range(first, last)


def _ranges(numbers: list[int]) -> Iterator[Range]:
    """Yield sorted numbers as ranges."""
    begin = previous = None
    for number in numbers:
        if begin is None or previous is None:
            begin = number
        elif number > previous + 1:
            yield Range(begin, previous)
            begin = number
        previous = number
    if begin is not None and previous is not None:
        yield Range(begin, previous)


async def reconcile(settings: SiteFile, progress: Progress) -> Reconciliation:
    """Read the whole gate log with the auditors' keys, and record this look; calls `progress(done, all)`.

    Raises SiteError if the look cannot be recorded, NoKeyError and LogError.
    """
    now_ns = time.time_ns()
    async with open_log(settings, settings.gate_log) as log:
        result = await _read(log, progress)
    access = Access(name_actor(), "reconcile", "", now_ns, result.log_size, result.findings)
    return replace(result, access_id=await record_access(settings, access))


async def _read(log: RecordOpener, progress: Progress) -> Reconciliation:
    size = await log.reader.size()
    account = NumberAccount()
    for first in range(0, size, _CHUNK_RECORDS):
        for opened in await log.fetch(first, min(_CHUNK_RECORDS, size - first)):
            account.take(opened)
        progress(min(size, first + _CHUNK_RECORDS), size)
    # Records that were destroyed while the log was read have their tombstone there by now.
    return account.finish(size, await fetch_tombstoned(log.reader.source, size))
