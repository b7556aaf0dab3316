"""When messages are due, and whether those that arrive are in order."""

import pytest

from tests.bench.overload import recovery_s
from tests.bench.schedule import NS_PER_SECOND, Schedule
from tests.bench.sequence import SequenceCheck

MS = 1_000_000


def test_messages_are_due_evenly_from_the_start() -> None:
    schedule = Schedule(rate=4, duration_s=2)
    assert [schedule.due_at_ns(number) for number in range(5)] == [0, 250 * MS, 500 * MS, 750 * MS, 1000 * MS]
    assert schedule.interval_ns == 250 * MS
    assert schedule.total == 8


@pytest.mark.parametrize(
    ("elapsed_ms", "due"), [(0, 1), (249, 1), (250, 2), (999, 4), (1000, 5), (1999, 8), (5000, 8)]
)
def test_what_is_late_stays_due_until_the_schedule_ends(elapsed_ms: int, due: int) -> None:
    assert Schedule(rate=4, duration_s=2).count_due(elapsed_ms * MS) == due


@pytest.mark.parametrize("rate", [3, 500, 2000, 5000, 28_431.7])
def test_a_message_that_is_counted_as_due_is_due(rate: float) -> None:
    schedule = Schedule(rate, duration_s=1)
    for elapsed_ns in range(0, NS_PER_SECOND, 7_777_777):
        count = schedule.count_due(elapsed_ns)
        assert schedule.due_at_ns(count - 1) <= elapsed_ns
        assert count == schedule.total or schedule.due_at_ns(count) >= elapsed_ns


@pytest.mark.parametrize(
    ("arrived", "distinct", "twice", "out_of_order"),
    [
        ([], 0, 0, 0),
        ([0, 1, 2], 3, 0, 0),
        ([0, 0, 1, 1, 0], 2, 3, 0),
        ([2, 0, 1], 3, 0, 2),
        ([0, 3, 1, 1], 3, 1, 1),
        ([5], 1, 0, 0),
    ],
)
def test_sequence_tells_lost_from_twice_from_out_of_order(
    arrived: list[int], distinct: int, twice: int, out_of_order: int
) -> None:
    check = SequenceCheck()
    for number in arrived:
        check.take(number)
    assert (check.distinct, check.twice, check.out_of_order) == (distinct, twice, out_of_order)


def _recovery(latency_ms_by_tenth: list[list[int]]) -> float:
    arrivals = [
        ((tenth * 100 + 50) * MS, latency * MS)
        for tenth, latencies in enumerate(latency_ms_by_tenth)
        for latency in latencies
    ]
    arrived_ns = [at_ns for at_ns, _ in arrivals]
    latency_ns = [latency for _, latency in arrivals]
    return recovery_s(arrived_ns, latency_ns, 0, len(latency_ms_by_tenth) * 100 * MS)


def test_recovery_is_over_after_the_last_tenth_of_a_second_that_is_not_calm() -> None:
    assert _recovery([[1], [2], [3]]) == 0
    assert _recovery([[900], [21], [20], [1]]) == pytest.approx(0.2)
    assert _recovery([[1], [1], [500], [1]]) == pytest.approx(0.3)


def test_silence_is_no_recovery() -> None:
    assert _recovery([[1], [], [1]]) == pytest.approx(0.2)
    assert _recovery([[1], [1], []]) == pytest.approx(0.3)
