"""The account of the adapter's numbers: which came, which were answered, and what is inconsistent (pure).

The adapter numbers everything that it sees (gate protocol, sections 3 and 5.2), so a gap shows an omission. A number
is accounted for when its submission was recorded and answered, or when a status names it as bounced.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from components.archive.alarm_name import AlarmName
from components.link.codec import Held, Status
from components.link.sequence import Range


class Finding(NamedTuple):
    """An inconsistency about the numbers `where` of an epoch.

    `alarm` is None for what was lost when a server ended: that is nobody's fault.
    """

    alarm: AlarmName | None
    epoch: str
    where: Range


FINDINGS = (
    AlarmName.NUMBERS_MISSING,
    AlarmName.NUMBER_REPEATED,
    AlarmName.NUMBER_REUSED,
    AlarmName.NUMBERS_BACK,
    AlarmName.LEFT_UNRECORDED,
    AlarmName.STATUS_CONTRADICTS,
    AlarmName.UNANNOUNCED,
    None,
)
"""All values of `Finding.alarm`."""


@dataclass(slots=True)
class EpochNumbers:
    """What is known about an epoch, over all its connections; `contents` are of numbers that may be submitted again.

    Everything up to `answered` was recorded and answered, or is accounted for. Numbers below `taken_over` may have
    been bounced while an earlier gate process ran, whose log is sealed. What is `left_out` until all is submitted again
    was bounced meanwhile, as the next status says: if the server ends before that, nobody has said it.
    """

    name: str
    answered: int = 0
    taken_over: int = 0
    done: int = 0
    seen: int = 0
    contents: dict[int, int] = field(default_factory=dict)
    bounced: set[int] = field(default_factory=set)
    left_out: list[Range] = field(default_factory=list)


class Numbers:
    """Keeps account of one connection: the adapter first sends its status, then submits its window again.

    `known` is the epoch of the previous connection, which this one continues. It holds only what the adapter may
    submit again, so it is as large as the adapter's window.
    """

    def __init__(self, known: EpochNumbers | None = None) -> None:
        self._epoch = known
        # Whether the adapter has sent its status.
        self._greeted = False
        # The next number.
        self._expected = 1
        # Whether the adapter may still be submitting its window again, a little at a time: no status comes then (5.10).
        self._is_careful = False

    @property
    def epoch(self) -> EpochNumbers | None:
        """What the next connection continues with."""
        return self._epoch

    def take(self, items: Iterable[Held | Status]) -> list[Finding]:
        """Account for what the adapter sends, in its order."""
        findings: list[Finding] = []
        for item in items:
            if isinstance(item, Status):
                findings += self._take_status(item)
            elif not self._is_next(item):
                findings += self._take_held(item)
        return findings

    def answered(self, epoch: str, through: int) -> None:
        """Account for a verdict that is being sent: everything in it is recorded."""
        if self._epoch is not None and self._epoch.name == epoch:
            self._epoch.answered = max(self._epoch.answered, through)

    def _is_next(self, held: Held) -> bool:
        """Account for a submission that is simply the next one, which is the usual case and costs 0.6 us."""
        epoch, seq = self._epoch, held.seq
        if epoch is None or seq != self._expected or seq <= epoch.seen or not self._greeted:
            return False
        if held.epoch != epoch.name:
            return False
        epoch.seen = seq
        self._expected = seq + 1
        epoch.contents[seq] = _content(held)
        return True

    def _take_held(self, held: Held) -> Iterator[Finding]:
        epoch, seq = self._epoch, held.seq
        if epoch is None or not self._greeted or epoch.name != held.epoch:
            yield Finding(AlarmName.UNANNOUNCED, held.epoch, Range(seq, seq))
            return
        content = _content(held)
        known = epoch.contents.get(seq)
        # What is quarantined has another form than it had before.
        if known is not None and known != content and not held.problem:
            yield Finding(AlarmName.NUMBER_REUSED, epoch.name, Range(seq, seq))
        elif seq < self._expected:
            alarm = AlarmName.NUMBERS_BACK if known is None else AlarmName.NUMBER_REPEATED
            yield Finding(alarm, epoch.name, Range(seq, seq))
        elif seq > self._expected:
            # It may bounce the rest of its window, and what is new, before that had its turn.
            if self._is_careful:
                epoch.left_out.append(Range(self._expected, seq - 1))
            else:
                yield from self._missing(epoch, self._expected, seq)
        if seq >= self._expected:
            self._expected = seq + 1
            epoch.seen = max(epoch.seen, seq)
            epoch.contents.setdefault(seq, content)

    def _take_status(self, status: Status) -> Iterator[Finding]:
        epoch = self._epoch
        if epoch is None or epoch.name != status.epoch:
            if epoch is not None:
                yield from _open_at_end(epoch)
                yield from self._never_said(epoch)
            epoch = self._begin(status, first_of_all=epoch is None)
        epoch.bounced.update(status.bounced)
        yield from self._never_said(epoch)
        in_order = epoch.done <= status.done < status.first_seq <= status.next_seq
        if not in_order or status.next_seq <= epoch.seen:
            where = Range(status.first_seq, status.next_seq)
            yield Finding(AlarmName.STATUS_CONTRADICTS, epoch.name, where)
        # A number that has left the window has a verdict, which only we can give, or was bounced, which a status says.
        bounced = epoch.bounced | _bounced_before(epoch, status.first_seq)
        for left in _without(bounced, epoch.answered + 1, status.first_seq - 1):
            yield Finding(AlarmName.LEFT_UNRECORDED, epoch.name, left)
        epoch.answered = max(epoch.answered, status.first_seq - 1)
        if not self._greeted:
            self._greeted = True
            self._expected, self._is_careful = status.first_seq, status.first_seq < status.next_seq
        else:
            # All that has a number was submitted before this status, on the same stream.
            self._is_careful = False
            yield from self._missing(epoch, self._expected, status.next_seq)
            self._expected = max(self._expected, status.next_seq)
        epoch.done = max(epoch.done, status.done)
        _forget(epoch, status.first_seq)

    def _begin(self, status: Status, *, first_of_all: bool) -> EpochNumbers:
        """Begin an epoch; for the time before this gate started, believe the adapter."""
        self._greeted = False
        epoch = self._epoch = EpochNumbers(status.epoch)
        if first_of_all:
            epoch.answered, epoch.taken_over = status.first_seq - 1, status.next_seq
        return epoch

    def _never_said(self, epoch: EpochNumbers) -> Iterator[Finding]:
        """Find what was left out, and is not among what was bounced."""
        for each in epoch.left_out:
            yield from self._missing(epoch, each.first, each.last + 1)
        epoch.left_out = []

    def _missing(self, epoch: EpochNumbers, first: int, before: int) -> Iterator[Finding]:
        """Find the numbers that should have come before this one, from `first` on."""
        for missing in _without(epoch.bounced, max(first, epoch.taken_over), before - 1):
            yield Finding(AlarmName.NUMBERS_MISSING, epoch.name, missing)


def _content(held: Held) -> int:
    """Return a number that differs if the content differs."""
    # An enum's own hash takes as long as all the rest.
    return hash((held.session, held.body)) ^ str.__hash__(held.facts.way)


def _open_at_end(epoch: EpochNumbers) -> Iterator[Finding]:
    """Find what was lost with the server: submitted, and not known to be carried out."""
    for left in _without(epoch.bounced, epoch.done + 1, epoch.seen):
        yield Finding(None, epoch.name, left)


def _bounced_before(epoch: EpochNumbers, before: int) -> set[int]:
    """Return the numbers below `before` that were bounced while an earlier gate process ran, and noted by it.

    They were not submitted to this one, although what stood in the window before them was.
    """
    numbers = range(epoch.answered + 1, min(epoch.taken_over, before))
    return {seq for seq in numbers if seq not in epoch.contents}


def _without(bounced: set[int], first: int, last: int) -> Iterator[Range]:
    """Return the numbers from `first` to `last` that were not bounced, as ranges."""
    if first > last:
        return
    begin = first
    for seq in sorted(seq for seq in bounced if first <= seq <= last):
        if begin < seq:
            yield Range(begin, seq - 1)
        begin = seq + 1
    if begin <= last:
        yield Range(begin, last)


def _forget(epoch: EpochNumbers, before: int) -> None:
    """Forget the contents that cannot be submitted again, and bounced numbers that are settled."""
    # A new dictionary: deleting the oldest entries one by one takes longer and longer.
    epoch.contents = {seq: content for seq, content in epoch.contents.items() if seq >= before}
    if epoch.bounced:
        epoch.bounced = {seq for seq in epoch.bounced if seq > epoch.done}
