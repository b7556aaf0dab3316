"""A hold that is added never makes more destroyable; nor does a longer minimum, or an earlier time."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.destruction import (
    Hold,
    RecordFacts,
    SegmentFacts,
    Terms,
    consider_all,
    decide_erasure,
    decide_expiry,
)
from policy.retention import DEFAULT_POLICY, NS_PER_DAY, RetentionPolicy

small = st.integers(0, 5)
conversations = st.integers(0, 3).map(lambda number: bytes(15) + bytes([number]))
classes = st.sampled_from([1, 2, 3, 255])
days = st.integers(0, 4000).map(lambda number: number * NS_PER_DAY)
holds = st.builds(
    Hold,
    id=st.sampled_from("abcdef"),
    segments=st.frozensets(small, max_size=3),
    indexes=st.frozensets(small, max_size=3),
    conversations=st.frozensets(conversations.filter(any), max_size=2),
)
many_holds = st.lists(holds, max_size=4, unique_by=lambda hold: hold.id)
segments = st.lists(
    st.builds(
        SegmentFacts,
        number=small,
        retention_class=classes,
        newest_ns=days,
        ended=st.booleans(),
        destroyed=st.booleans(),
        indexes=st.frozensets(small),
        conversations=st.frozensets(conversations),
    ),
    unique_by=lambda facts: facts.number,
)
records = st.lists(
    st.builds(
        RecordFacts,
        index=small,
        segment=small,
        retention_class=classes,
        time_ns=days,
        conversation=conversations,
        ended=st.booleans(),
        destroyed=st.booleans(),
    ),
    unique_by=lambda facts: facts.index,
)


def destroyable(
    policy: RetentionPolicy,
    now_ns: int,
    segs: list[SegmentFacts],
    recs: list[RecordFacts],
    in_force: list[Hold],
) -> set[tuple[str, int]]:
    """What could go one by one, by somebody who considered every hold."""
    terms = consider_all(policy, now_ns, in_force)
    known_segments = {facts.number: facts for facts in segs}
    known_records = {facts.index: facts for facts in recs}
    gone = {("segment", n) for n in range(6) if not decide_expiry(terms, [n], known_segments)}
    return gone | {("record", n) for n in range(6) if not decide_erasure(terms, [n], known_records)}


@pytest.mark.slow
@given(days, segments, records, many_holds, holds)
def test_a_hold_added_never_makes_more_destroyable(
    now_ns: int, segs: list[SegmentFacts], recs: list[RecordFacts], in_force: list[Hold], added: Hold
) -> None:
    before = destroyable(DEFAULT_POLICY, now_ns, segs, recs, in_force)
    assert destroyable(DEFAULT_POLICY, now_ns, segs, recs, [*in_force, added]) <= before


@given(days, segments, records, many_holds, st.integers(0, 3))
def test_no_subset_of_the_holds_considered_is_enough(
    now_ns: int, segs: list[SegmentFacts], recs: list[RecordFacts], in_force: list[Hold], dropped: int
) -> None:
    ids = [hold.id for place, hold in enumerate(in_force) if place != dropped]
    if len(ids) == len(in_force):
        return
    terms = Terms(DEFAULT_POLICY, now_ns, in_force, ids)
    assert decide_expiry(terms, [], {}) and decide_erasure(terms, [], {})


@pytest.mark.slow
@given(days, days, segments, records, many_holds)
def test_what_may_go_may_go_later_too(
    now_ns: int, later_ns: int, segs: list[SegmentFacts], recs: list[RecordFacts], in_force: list[Hold]
) -> None:
    assert destroyable(DEFAULT_POLICY, now_ns, segs, recs, in_force) <= destroyable(
        DEFAULT_POLICY, now_ns + later_ns, segs, recs, in_force
    )


@given(days, segments, records, many_holds, st.integers(0, 4000))
def test_a_longer_minimum_never_makes_more_destroyable(
    now_ns: int, segs: list[SegmentFacts], recs: list[RecordFacts], in_force: list[Hold], more: int
) -> None:
    longer = RetentionPolicy(
        tuple(replace(each, minimum_days=each.minimum_days + more) for each in DEFAULT_POLICY.classes)
    )
    assert destroyable(longer, now_ns, segs, recs, in_force) <= destroyable(
        DEFAULT_POLICY, now_ns, segs, recs, in_force
    )
