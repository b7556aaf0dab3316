"""Decides what may be destroyed: values in, all reasons against it out (docs/retention.md)."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from policy.retention import NS_PER_DAY, PERMANENT_CLASS, RetentionPolicy

_Facts = TypeVar("_Facts")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Reason(StrEnum):
    """Why records may not be destroyed, or a hold may not be released."""

    UNKNOWN_SEGMENT = "unknown-segment"
    UNKNOWN_RECORD = "unknown-record"
    SEGMENT_OPEN = "segment-open"
    DESTROYED_ALREADY = "destroyed-already"
    PERMANENT = "permanent"
    UNKNOWN_CLASS = "unknown-class"
    MINIMUM_NOT_OVER = "minimum-not-over"
    HOLD_IN_FORCE = "hold-in-force"
    HOLD_NOT_CONSIDERED = "hold-not-considered"
    NO_SUCH_HOLD = "no-such-hold"
    OTHER_LOG = "other-log"
    WRONG_SEGMENTS = "wrong-segments"
    WRONG_KEYS = "wrong-keys"


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold in force: whole `segments`, single records by `indexes`, and `conversations` by their keyed hashes."""

    id: str
    segments: frozenset[int] = frozenset()
    indexes: frozenset[int] = frozenset()
    conversations: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """A segment as an expiry sees it; `indexes` and `conversations` are of its records that are not destroyed.

    `newest_ns` is the time of its newest record or, where it has none, when it began (Unix time).
    """

    number: int
    retention_class: int
    newest_ns: int
    ended: bool = True
    destroyed: bool = False
    indexes: frozenset[int] = frozenset()
    conversations: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """A record as an erasure sees it; `ended` says whether its segment is. Segment 0: the log's bookkeeping."""

    index: int
    segment: int
    retention_class: int
    time_ns: int
    conversation: bytes
    ended: bool = True
    destroyed: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason against an order; `text` names the segment, record or hold."""

    reason: Reason
    text: str


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a decision beside the facts: the `holds` in force, and the ids of those `considered`."""

    policy: RetentionPolicy
    now_ns: int
    holds: Sequence[Hold]
    considered: Collection[str]


def consider_all(policy: RetentionPolicy, now_ns: int, holds: Sequence[Hold]) -> Terms:
    """Return the terms of an order that has considered every hold in force."""
    return Terms(policy, now_ns, holds, [hold.id for hold in holds])


def decide_expiry(
    terms: Terms, numbers: Sequence[int], known: Mapping[int, SegmentFacts]
) -> tuple[Refusal, ...]:
    """Decide whether these segments may be destroyed; returns every reason against it, none when they may."""
    missing = Reason.UNKNOWN_SEGMENT
    return tuple(_refusals(terms, numbers, known, missing, "segment", _segment_refusals))


def decide_erasure(
    terms: Terms, indexes: Sequence[int], known: Mapping[int, RecordFacts]
) -> tuple[Refusal, ...]:
    """Decide whether these records may be destroyed; returns every reason against it, none when they may."""
    missing = Reason.UNKNOWN_RECORD
    return tuple(_refusals(terms, indexes, known, missing, "record", _record_refusals))


def decide_resumption(
    segments: Sequence[SegmentFacts], records: Sequence[RecordFacts], holds: Sequence[Hold]
) -> tuple[Refusal, ...]:
    """Decide whether a recorded, unfinished order may continue: not if a hold came in between."""
    refusals = [
        each
        for facts in segments
        for each in _held(f"segment {facts.number}", holds_on_segment(facts, holds))
    ]
    refusals += [
        each for facts in records for each in _held(f"record {facts.index}", holds_on_record(facts, holds))
    ]
    return tuple(refusals)


def decide_release(hold: str, holds: Sequence[Hold]) -> tuple[Refusal, ...]:
    """Decide whether a hold can end, which it can while it is in force."""
    if any(each.id == hold for each in holds):
        return ()
    return (Refusal(Reason.NO_SUCH_HOLD, f"no hold {hold} is in force"),)


def holds_on_segment(facts: SegmentFacts, holds: Sequence[Hold]) -> list[str]:
    """Return the ids of the holds on a segment or any of its records."""
    return [
        hold.id
        for hold in holds
        if facts.number in hold.segments
        or not hold.indexes.isdisjoint(facts.indexes)
        or not hold.conversations.isdisjoint(facts.conversations)
    ]


def holds_on_record(facts: RecordFacts, holds: Sequence[Hold]) -> list[str]:
    """Return the ids of the holds on a record."""
    return [
        hold.id
        for hold in holds
        if facts.segment in hold.segments
        or facts.index in hold.indexes
        or facts.conversation in hold.conversations
    ]


def _unconsidered(holds: Sequence[Hold], considered: Collection[str]) -> Iterator[Refusal]:
    """Yield a refusal for each hold that came or ended after the order was written and signed."""
    in_force = {hold.id for hold in holds}
    for id_ in sorted(in_force.symmetric_difference(considered)):
        said = "was not considered" if id_ in in_force else "was considered, and is not in force"
        yield Refusal(Reason.HOLD_NOT_CONSIDERED, f"hold {id_} {said}: propose anew")


def _refusals(
    terms: Terms,
    numbers: Sequence[int],
    known: Mapping[int, _Facts],
    missing: Reason,
    kind: str,
    refuse: Callable[[Terms, _Facts], Iterable[Refusal]],
) -> Iterator[Refusal]:
    yield from _unconsidered(terms.holds, terms.considered)
    for number in numbers:
        if number in known:
            yield from refuse(terms, known[number])
        else:
            yield Refusal(missing, f"there is no {kind} {number}")


def _segment_refusals(terms: Terms, facts: SegmentFacts) -> Iterator[Refusal]:
    name = f"segment {facts.number}"
    yield from _state_refusals(name, facts.ended, facts.destroyed)
    yield from _age_refusals(terms, name, facts.retention_class, facts.newest_ns)
    yield from _held(name, holds_on_segment(facts, terms.holds))


def _record_refusals(terms: Terms, facts: RecordFacts) -> Iterator[Refusal]:
    name = f"record {facts.index}"
    if facts.segment == 0:
        yield Refusal(
            Reason.PERMANENT, f"{name} is of the log's own bookkeeping, which holds nothing of what was said"
        )
        return
    yield from _state_refusals(name, facts.ended, facts.destroyed)
    yield from _age_refusals(terms, name, facts.retention_class, facts.time_ns)
    yield from _held(name, holds_on_record(facts, terms.holds))


def _state_refusals(name: str, ended: bool, destroyed: bool) -> Iterator[Refusal]:
    if destroyed:
        yield Refusal(Reason.DESTROYED_ALREADY, f"{name} is destroyed already")
    if not ended:
        yield Refusal(Reason.SEGMENT_OPEN, f"{name}: its segment is still open; it ends within 10 minutes")


def _age_refusals(terms: Terms, name: str, retention_class: int, newest_ns: int) -> Iterator[Refusal]:
    if retention_class == PERMANENT_CLASS:
        yield Refusal(Reason.PERMANENT, f"{name} holds what orders say, which is never destroyed")
        return
    found = terms.policy.by_number.get(retention_class)
    if found is None:
        yield Refusal(
            Reason.UNKNOWN_CLASS,
            f"{name} is of class {retention_class}, which retention.toml does not have; add it",
        )
        return
    over_ns = newest_ns + found.minimum_days * NS_PER_DAY
    if terms.now_ns < over_ns:
        until = (_EPOCH + timedelta(microseconds=over_ns // 1000)).strftime("%Y-%m-%d %H:%M UTC")
        yield Refusal(
            Reason.MINIMUM_NOT_OVER,
            f"{name} must be kept until {until} (class {found.name}, {found.minimum_days} days)",
        )


def _held(name: str, ids: Sequence[str]) -> Iterator[Refusal]:
    for id_ in ids:
        yield Refusal(Reason.HOLD_IN_FORCE, f"{name} is under hold {id_}")
