"""What may be destroyed: each row changes one thing, and the reasons against it are all there are."""

from dataclasses import replace

import pytest

from policy.destruction import (
    Hold,
    Reason,
    RecordFacts,
    SegmentFacts,
    Terms,
    decide_erasure,
    decide_expiry,
    decide_release,
)
from policy.retention import DEFAULT_POLICY, NS_PER_DAY

CONVERSATION, OTHER = bytes(15) + b"\1", bytes(15) + b"\2"
RECORDED_NS = 1_000 * NS_PER_DAY
OVER_NS = RECORDED_NS + 1827 * NS_PER_DAY
SEGMENT = SegmentFacts(
    7, 1, RECORDED_NS, indexes=frozenset({40, 42}), conversations=frozenset({CONVERSATION})
)
RECORD = RecordFacts(42, 7, 1, RECORDED_NS, CONVERSATION)

HOLDS = {
    "nothing": (Hold("h"), False),
    "the segment": (Hold("h", segments=frozenset({6, 7})), True),
    "another segment": (Hold("h", segments=frozenset({6, 8})), False),
    "the record": (Hold("h", indexes=frozenset({42})), True),
    "another record": (Hold("h", indexes=frozenset({41})), False),
    "the conversation": (Hold("h", conversations=frozenset({CONVERSATION})), True),
    "another conversation": (Hold("h", conversations=frozenset({OTHER})), False),
}


def expiry(
    facts: SegmentFacts, *holds: Hold, now_ns: int = OVER_NS, considered: set[str] | None = None
) -> set[Reason]:
    ids = {hold.id for hold in holds} if considered is None else considered
    return {each.reason for each in decide_expiry(Terms(DEFAULT_POLICY, now_ns, holds, ids), [7], {7: facts})}


def erasure(
    facts: RecordFacts, *holds: Hold, now_ns: int = OVER_NS, considered: set[str] | None = None
) -> set[Reason]:
    ids = {hold.id for hold in holds} if considered is None else considered
    return {
        each.reason for each in decide_erasure(Terms(DEFAULT_POLICY, now_ns, holds, ids), [42], {42: facts})
    }


@pytest.mark.parametrize(("hold", "holds"), HOLDS.values(), ids=HOLDS)
def test_what_a_hold_holds(hold: Hold, holds: bool) -> None:
    expected = {Reason.HOLD_IN_FORCE} if holds else set()
    assert expiry(SEGMENT, hold) == expected
    assert erasure(RECORD, hold) == expected


def test_a_hold_of_one_record_holds_its_segment_but_not_its_neighbours() -> None:
    hold = Hold("h", indexes=frozenset({40}))
    assert expiry(SEGMENT, hold) == {Reason.HOLD_IN_FORCE}
    assert erasure(RECORD, hold) == set()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ended": False}, Reason.SEGMENT_OPEN),
        ({"destroyed": True}, Reason.DESTROYED_ALREADY),
        ({"retention_class": 255}, Reason.PERMANENT),
        ({"retention_class": 9}, Reason.UNKNOWN_CLASS),
    ],
)
def test_what_is_in_its_way(changes: dict[str, object], reason: Reason) -> None:
    assert expiry(replace(SEGMENT, **changes)) == {reason}  # type: ignore[arg-type]
    assert erasure(replace(RECORD, **changes)) == {reason}  # type: ignore[arg-type]


def test_bookkeeping_is_never_erased() -> None:
    assert erasure(replace(RECORD, segment=0, retention_class=0)) == {Reason.PERMANENT}


def test_the_minimum_counts_to_the_nanosecond() -> None:
    assert (
        expiry(SEGMENT, now_ns=OVER_NS - 1)
        == erasure(RECORD, now_ns=OVER_NS - 1)
        == {Reason.MINIMUM_NOT_OVER}
    )
    assert expiry(SEGMENT, now_ns=OVER_NS) == erasure(RECORD, now_ns=OVER_NS) == set()
    signalling = replace(SEGMENT, retention_class=2)
    assert expiry(signalling, now_ns=RECORDED_NS + 366 * NS_PER_DAY) == set()
    (refusal,) = decide_expiry(Terms(DEFAULT_POLICY, OVER_NS - 1, [], []), [7], {7: SEGMENT})
    assert (
        refusal.text == "segment 7 must be kept until 1977-09-28 00:00 UTC (class communication, 1827 days)"
    )


@pytest.mark.parametrize("considered", [set(), {"i"}, {"h", "i"}])
def test_exactly_the_holds_in_force_must_have_been_considered(considered: set[str]) -> None:
    hold = Hold("h")  # of nothing here
    assert expiry(SEGMENT, hold, considered=considered) == {Reason.HOLD_NOT_CONSIDERED}
    assert erasure(RECORD, hold, considered=considered) == {Reason.HOLD_NOT_CONSIDERED}


def test_what_is_not_there() -> None:
    (segment,) = decide_expiry(Terms(DEFAULT_POLICY, OVER_NS, [], []), [8], {7: SEGMENT})
    (record,) = decide_erasure(Terms(DEFAULT_POLICY, OVER_NS, [], []), [41], {42: RECORD})
    assert (segment.reason, record.reason) == (Reason.UNKNOWN_SEGMENT, Reason.UNKNOWN_RECORD)


def test_every_reason_is_told() -> None:
    facts = replace(SEGMENT, ended=False, destroyed=True)
    holds = [Hold("a", segments=frozenset({7})), Hold("b", segments=frozenset({7}))]
    refusals = decide_expiry(Terms(DEFAULT_POLICY, RECORDED_NS, holds, []), [7], {7: facts})
    assert len(refusals) == 7  # two not considered, open, destroyed, too young, two holds


def test_a_hold_is_released_once() -> None:
    assert decide_release("h", [Hold("h")]) == ()
    (refusal,) = decide_release("h", [Hold("i")])
    assert refusal.reason is Reason.NO_SUCH_HOLD
