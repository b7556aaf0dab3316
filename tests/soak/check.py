"""Compares what every client saw with what the archive holds: what the line promises, and nothing else.

It is pure. What it finds is a violation; what a promise leaves open is counted as excused, by its reason.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.soak.history import STATUS, Fate, Heard, History
from tests.soak.ledger import Case, Ledger
from tests.soak.plan import ROOM, STRANGER, TRADERS

# What the README leaves open (G2): what nobody knows of the moment before a kill.
UNKNOWN = "unknown after a kill"
ON_THE_WAY = "lost on the way to a client whose connection broke"
# docs/gate-protocol.md, 5.7.
FETCHED = "lost with a server that was killed as it fetched what had waited"
NOT_CONFIRMED = "received by a client that could not say so"
# docs/decisions/0158.
RETURNED_TOO = "received at another site, and returned, as the link or a server broke"
# docs/gate-protocol.md, 5.7 and 5.8.
WITH_SERVER = "lost with a server that had it for another site"
# docs/federation.md, 6.
ERROR_LOST = "given back by another site over a link that broke, or to a session that was over"
# XEP-0198 knows no errors: a client has to say again what was not acknowledged, also if it came back.
AGAIN_AFTER_ERROR = "came back, and went out when its client said it again after a kill"
# Both together: it was given back as a link broke, and its client said it again after a kill.
AGAIN_AFTER_RETURN = (
    "received at another site, and returned, and received once more when its client said it again"
)
# docs/gate-protocol.md, 5.2: whoever bounces it has no gate to ask whether it went out before.
AGAIN_WITHOUT_GATE = "said again after a kill, and bounced, although it had gone out"

_OCCUPANTS = {each.jid for traders in TRADERS.values() for each in traders if each.in_room}


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken: of which kind, for which message or status (empty for the archive as a whole)."""

    kind: str
    id: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.id or 'the archive'}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found."""

    violations: tuple[Violation, ...]
    excused: Counter[str]


class _Excused(Exception):  # noqa: N818 - it is no error
    """What was found is left open by the promises."""


def check_history(history: History) -> Report:
    """Check a run."""
    ledger = Ledger(history)
    excused: Counter[str] = Counter()
    found = [Violation("faulty archive", "", fault) for fault in history.faults]
    found += [
        Violation("never said", id_, "somebody received it")
        for id_ in ledger.unsaid
        if not id_.startswith(STATUS)
    ]
    for case in ledger.cases:
        for check in _CHECKS:
            try:
                found += [Violation(_kind(check), case.id, detail) for detail in check(ledger, case)]
            except _Excused as reason:
                excused[str(reason)] += 1
    found += _out_of_order(ledger)
    found += _unrecorded_statuses(history)
    return Report(tuple(found), excused)


def _kind(check: Callable[..., object]) -> str:
    return check.__name__.strip("_").replace("_", " ")


def _unrecorded(_ledger: Ledger, case: Case) -> Iterator[str]:
    """G1: what somebody received is in the archive of each site that it passed, word for word, and was let through."""
    records = {each.receipt: each for each in (*case.records, *case.arrivals)}
    for heard in case.heard:
        named = [records[each] for each in heard.receipts if each in records]
        if sorted({each.came for each in named}) != [False, True][: 1 + case.crosses] or len(named) != len(
            heard.receipts
        ):
            yield f"{heard.by} received it with the receipts {heard.receipts}, of {sorted(records)}"
        for record in named:
            if record.fate in (Fate.REFUSED, Fate.KEPT, Fate.REPEATED):
                yield f"{heard.by} received it, and record {record.receipt} says {record.fate}"
            if record.body != heard.body or record.to.partition("/")[0] != case.recipient:
                yield f"{heard.by} received something else than record {record.receipt} says"


def _stranger(_ledger: Ledger, case: Case) -> Iterator[str]:
    """G3: nobody receives what was not for them."""
    for heard in case.heard:
        may = heard.by in _OCCUPANTS if case.recipient == ROOM else heard.by == case.recipient
        if not may or STRANGER.jid in (heard.by, case.said[0].sender.partition("/")[0]):
            yield f"{heard.by} received it, and it was for {case.recipient}"
    for error in case.errors:
        if error.by != case.said[0].sender.partition("/")[0]:
            yield f"{error.by} received its error, and {case.said[0].sender} had said it"


def _recorded_twice(_ledger: Ledger, case: Case) -> Iterator[str]:
    """G2: one record for each time that it was said, and one of them at most that is not known as said again."""
    for records in (case.records, case.arrivals):
        if len(records) > len(case.said):
            yield f"said {len(case.said)} times, {len(records)} records at {records[0].gate}"


def _received_twice(ledger: Ledger, case: Case) -> Iterator[str]:
    """G2: nobody receives anything twice."""
    for by, times in Counter(each.by for each in case.heard).items():
        if times == 1:
            continue
        if any(ledger.may_come_again(each) for each in _but_last(case.heard, by)):
            raise _Excused(NOT_CONFIRMED)
        if Fate.UNKNOWN in case.fates and len(case.said) > 1:
            raise _Excused(UNKNOWN)
        if ledger.may_be_returned_too(case) and times <= len(case.said) and _is_said_after_return(case):
            raise _Excused(AGAIN_AFTER_RETURN)
        yield f"{by} received it {times} times; {_story(case)}"


def _is_said_after_return(case: Case) -> bool:
    """Whether it was given back when it was said first, and then said again."""
    was_given_back = bool(case.records) and case.records[0].fate is Fate.BOUNCED
    return was_given_back and any(error.at_s < case.said[-1].at_s for error in case.errors)


def _delivered_and_returned(ledger: Ledger, case: Case) -> Iterator[str]:
    """G2: what comes back to its sender went to nobody."""
    if not case.heard or not case.errors or case.recipient == ROOM:
        return
    if any(ledger.may_come_again(each) for each in case.heard):
        raise _Excused(NOT_CONFIRMED)
    if ledger.may_be_returned_too(case):
        raise _Excused(RETURNED_TOO)
    if _is_bounced_again(case):
        raise _Excused(AGAIN_WITHOUT_GATE)
    if _came_back_before(case):
        raise _Excused(AGAIN_AFTER_ERROR)
    yield _story(case)


def _is_bounced_again(case: Case) -> bool:
    """Whether it went out when it was said first, or nobody knows, and only what was said again came back."""
    if len(case.said) == 1 or not case.records or case.errors[0].at_s < case.said[1].at_s:
        return False
    if any(case.records[0].receipt not in each.receipts for each in case.heard):
        return False
    bounced_later = Fate.BOUNCED in case.fates or len(case.records) < len(case.said)
    return bounced_later and case.records[0].fate in (Fate.CARRIED_OUT, Fate.UNKNOWN)


def _came_back_before(case: Case) -> bool:
    """Whether it came back when it was said first, and went out only when a client said it again all the same."""
    again_s = [each.at_s for each in case.said[1:]]
    # A server that was killed may not have told that it had given it back.
    undone = len(case.records) < len(case.said) or case.records[0].fate in (Fate.BOUNCED, Fate.UNKNOWN)
    return undone and any(case.errors[-1].at_s < at_s < case.heard[0].at_s for at_s in again_s)


def _told_as_carried_out(ledger: Ledger, case: Case) -> Iterator[str]:
    """G2: what the archive of its recipient's site says was carried out was received, and did not come back."""
    fates = {each.fate for each in case.arrivals} if case.arrivals else case.fates
    if Fate.CARRIED_OUT not in fates or case.recipient == ROOM or case.heard:
        return
    if case.crosses and case.errors and not case.arrivals:
        return  # it went out, and the other site gave it back before it had a number there
    if ledger.lost_with_server(case) and not case.arrivals:
        raise _Excused(WITH_SERVER)
    if ledger.error_was_lost(case) and not case.arrivals:
        raise _Excused(ERROR_LOST)
    if ledger.lost_on_the_way(case.recipient, case) and not case.errors:
        raise _Excused(ON_THE_WAY)
    if ledger.lost_as_fetched(case) and not case.errors:
        raise _Excused(FETCHED)
    yield _story(case)


def _not_settled(_ledger: Ledger, case: Case) -> Iterator[str]:
    """G2: when all is mended, the archive knows what became of each message."""
    if Fate.PENDING in {each.fate for each in (*case.records, *case.arrivals)}:
        yield _story(case)


def _lost(ledger: Ledger, case: Case) -> Iterator[str]:
    """G2: what was acknowledged, or said in a session that lasted, was received or came back."""
    # The one who said it last knows: in its session it is owed an answer, and in a session that counts as well.
    last = case.said[-1]
    is_owed = case.id in ledger.history.acknowledged or not ledger.ended(last.session)
    if case.heard or case.errors or not is_owed:
        return
    if case.recipient == ROOM:
        yield from _lost_in_room(ledger, case)
        return
    if ledger.lost_with_server(case):
        raise _Excused(WITH_SERVER)
    if ledger.error_was_lost(case) and Fate.CARRIED_OUT not in {each.fate for each in case.arrivals}:
        raise _Excused(ERROR_LOST)
    # Nobody knows whether it went out before the kill: but it was acknowledged, so it was written (5.7).
    if case.fates & {Fate.CARRIED_OUT, Fate.UNKNOWN} and ledger.lost_on_the_way(case.recipient, case):
        raise _Excused(ON_THE_WAY)
    if Fate.CARRIED_OUT in case.fates and ledger.lost_as_fetched(case):
        raise _Excused(FETCHED)
    if ledger.lost_on_the_way(last.sender.partition("/")[0], case):
        raise _Excused(ON_THE_WAY)  # its error
    yield _story(case)


def _lost_in_room(ledger: Ledger, case: Case) -> Iterator[str]:
    """What is said in a room comes to its sender as to all others, or comes back, while they are in it."""
    if ledger.was_there(case.said[0].sender.partition("/")[0], case.said[0].at_s - 1.0):
        yield _story(case)


_CHECKS = (
    _unrecorded,
    _stranger,
    _recorded_twice,
    _received_twice,
    _delivered_and_returned,
    _told_as_carried_out,
    _not_settled,
    _lost,
)


def _out_of_order(ledger: Ledger) -> Iterator[Violation]:
    """G7: from one sender to one recipient all comes in the order in which it was said, but for what waited."""
    first: dict[tuple[str, str, str], dict[int, Heard]] = defaultdict(dict)
    for case in ledger.cases:
        said = case.said[0]
        if len(case.said) == 1:  # what is said again comes after what the server had heard meanwhile
            for heard in case.heard:
                if not heard.is_delayed:
                    first[said.sender, case.recipient, heard.by].setdefault(said.number, heard)
    for (sender, _, by), received in first.items():
        places = [(received[number].place, received[number].id) for number in sorted(received)]
        for before, after in itertools.pairwise(places):
            if before[0] > after[0]:
                yield Violation("out of order", after[1], f"{by} received it before {before[1]} of {sender}")


def _unrecorded_statuses(history: History) -> Iterator[Violation]:
    """G1 and G3 of presence: each status that somebody saw is in the archive, and is of their own enterprise."""
    for heard in history.heard:
        if not heard.id.startswith(STATUS):
            continue
        if heard.id not in history.statuses:
            yield Violation("unrecorded status", heard.id, f"{heard.by} saw it")
        name = heard.id.removeprefix(STATUS).partition("-")[0]
        if (heard.by == STRANGER.jid) is not (name == STRANGER.name):
            yield Violation("stranger", heard.id, f"{heard.by} saw it")


def _but_last(heard: list[Heard], by: str) -> list[Heard]:
    return [each for each in heard if each.by == by][:-1]


def _story(case: Case) -> str:
    """Say what is known of a message, for whoever looks into it."""
    said = ", ".join(f"{each.session} at {each.at_s:.3f} s" for each in case.said)
    heard = ", ".join(f"{each.session} at {each.at_s:.3f} s" for each in case.heard) or "nobody"
    errors = ", ".join(f"{each.session} at {each.at_s:.3f} s" for each in case.errors) or "none"
    records = ", ".join(f"{each.receipt} {each.fate}" for each in (*case.records, *case.arrivals)) or "none"
    return f"to {case.said[0].to}; said by {said}; received by {heard}; errors: {errors}; records: {records}"
