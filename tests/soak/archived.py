"""What a gate's archive holds, as values that a run's history is made of."""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator

from lxml import etree

from components.archive.alarm_name import STATES, AlarmName
from components.archive.record import Delivery, RecordKind, Submission
from policy.facts import Way
from tests.soak.history import STATUS, Fate, Recorded
from tests.support.observer import KeptLog, LogContent, read_log
from tests.support.stream import Element

_CLIENT = "{jabber:client}"
# States; what nobody can know after a kill; and what was alone when the link broke for the second time, while the gate
# could not record (docs/gate-protocol.md, 5.10): it is recorded, and refused.
_MAY_BE = STATES | {AlarmName.DELIVERY_UNKNOWN, AlarmName.QUARANTINED}


class Archived:
    """The messages and statuses of clients in an archive, and what is wrong with it."""

    def __init__(self, gate: str, content: LogContent, faults: tuple[str, ...] = ()) -> None:
        self.gate, self.faults = gate, faults
        self.records: list[Recorded] = []
        self.statuses: set[str] = set()
        self._through, self._bounced = _carried_out(content.deliveries)
        submissions = sorted(content.submissions.items())
        self._last_epoch = submissions[-1][1].epoch if submissions else ""
        for index, each in submissions:
            if each.kind is RecordKind.STANZA:
                self._take(index, each, etree.fromstring(each.body))

    def _take(self, index: int, submission: Submission, element: Element) -> None:
        status = element.findtext(f"{_CLIENT}status") or ""
        if status.startswith(STATUS) and submission.action == "release":
            self.statuses.add(status)
        if (
            element.tag == f"{_CLIENT}message"
            and element.get("type") != "error"
            and submission.way in (Way.C2S, Way.S2S)
        ):
            self.records.append(
                Recorded(
                    *(
                        self.gate,
                        index,
                        element.get("id", ""),
                        element.get("from", ""),
                        element.get("to", ""),
                    ),
                    *(
                        element.findtext(f"{_CLIENT}body") or "",
                        self._fate(submission),
                        submission.way == Way.S2S,
                    ),
                )
            )

    def _fate(self, submission: Submission) -> Fate:
        is_repeated = submission.action == "refuse" and "repeated" in submission.rules
        if submission.action == "refuse" and not is_repeated:
            return Fate.REFUSED
        if submission.action == "hold":
            return Fate.KEPT
        # Nobody is told what is repeated; its sender was, where the verdict came too late.
        if submission.seq in self._bounced[submission.epoch]:
            return Fate.BOUNCED
        if is_repeated:
            return Fate.REPEATED
        if submission.seq <= self._through[submission.epoch]:
            return Fate.CARRIED_OUT
        return Fate.PENDING if submission.epoch == self._last_epoch else Fate.UNKNOWN


def find_faults(content: LogContent) -> tuple[str, ...]:
    """Say what is wrong with an archive that verifies."""
    return (*_alarms(content), *_wrong_numbers(content))


async def read_archive(name: str, gate: KeptLog) -> Archived:
    """Verify a gate's archive and read all of it; what does not hold is among its faults."""
    try:
        content = await read_log(gate)
    except AssertionError as unverified:
        return Archived(name, LogContent({}, [], []), (str(unverified),))
    return Archived(name, content, find_faults(content))


def _alarms(content: LogContent) -> Iterator[str]:
    """Name what the gate itself found, but for what breaking it may well bring about."""
    told = _told_of_the_ended(content)
    for alarm in content.alarms:
        details = dict(alarm.details)
        if alarm.name == AlarmName.NUMBERS_MISSING and int(details["first"]) > told[str(details["epoch"])]:
            continue
        if alarm.name not in _MAY_BE:
            yield f"the gate raised {alarm.name}: {dict(alarm.details)}"


def _wrong_numbers(content: LogContent) -> Iterator[str]:
    """Name the numbers that are recorded twice or out of order, or neither recorded nor bounced.

    What a server had bounced and could not say before it ended is in no record (docs/gate-protocol.md, 5.8).
    """
    told = _told_of_the_ended(content)
    _, bounced = _carried_out(content.deliveries)
    epochs: defaultdict[str, list[int]] = defaultdict(list)
    for _, each in sorted(content.submissions.items()):
        epochs[each.epoch].append(each.seq)
    for epoch, numbers in epochs.items():
        if any(left >= right for left, right in itertools.pairwise(numbers)):
            yield f"the numbers of epoch {epoch} are not in order"
        missing = set(range(1, numbers[-1])) - set(numbers) - bounced[epoch]
        if missing := {number for number in missing if number <= told[epoch]}:
            yield f"epoch {epoch} lacks the numbers {sorted(missing)}"


def _told_of_the_ended(content: LogContent) -> defaultdict[str, float]:
    """Return up to which number each server that has ended had told what became of them; the last one still tells."""
    through, bounced = _carried_out(content.deliveries)
    epochs = [each.epoch for _, each in sorted(content.submissions.items())]
    ended = dict.fromkeys(each for each in epochs if each != epochs[-1])
    told = {each: float(max({through[each], *bounced[each]})) for each in ended}
    return defaultdict(lambda: math.inf, told)


def _carried_out(deliveries: list[Delivery]) -> tuple[defaultdict[str, int], defaultdict[str, set[int]]]:
    through: defaultdict[str, int] = defaultdict(int)
    bounced: defaultdict[str, set[int]] = defaultdict(set)
    for each in deliveries:
        through[each.epoch] = max(through[each.epoch], each.through)
        bounced[each.epoch].update(each.bounced)
    return through, bounced
