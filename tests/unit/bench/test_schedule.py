"""When messages are due, and whether those that arrive are in order."""

import math

import pytest

from tests.bench.overload import recovery_s, seconds_p99_ns
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


def _p99s_ms(latency_ms_by_tenth: list[list[int]]) -> list[float]:
    arrivals = [
        ((tenth * 100 + 50) * MS, latency * MS)
        for tenth, latencies in enumerate(latency_ms_by_tenth)
        for latency in latencies
    ]
    arrived_ns = [at_ns for at_ns, _ in arrivals]
    latency_ns = [latency for _, latency in arrivals]
    end_ns = len(latency_ms_by_tenth) * 100 * MS
    return [p99 / MS for p99 in seconds_p99_ns(arrived_ns, latency_ns, 0, end_ns)]


def test_each_second_has_the_99th_percentile_of_all_that_arrived_in_it() -> None:
    assert _p99s_ms([[1]] * 10) == [1]
    assert _p99s_ms([[1]] * 11) == [1, 1]
    assert _p99s_ms([[900] * 5, *[[1] * 5] * 10]) == [900, 1]


def test_silence_is_no_calm() -> None:
    assert _p99s_ms([[1]] * 9 + [[]] + [[1]] * 10) == [math.inf] * 10 + [1]


def test_recovery_is_the_beginning_of_the_first_calm_second() -> None:
    assert recovery_s([1, 2], 3) == 0
    assert recovery_s([900, 21, 20, 1], 20) == pytest.approx(0.2)
    assert recovery_s([900, 900], 20) == pytest.approx(0.2)
