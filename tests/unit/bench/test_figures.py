"""The statistics of the benchmarks."""

import pytest

from tests.bench.figures import (
    at_least,
    at_most,
    difference_of_medians,
    growth,
    median_of,
    percentile,
    probability_of_less,
    ratio_of_medians,
    single,
    worst_of,
)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 99, 0),
        ([7], 50, 7),
        ([7], 0, 7),
        ([1, 2], 50, 1),
        ([1, 2], 50.1, 2),
        (list(range(1, 101)), 50, 50),
        (list(range(1, 101)), 99, 99),
        (list(range(1, 101)), 99.9, 100),
        (list(range(1, 101)), 100, 100),
    ],
)
def test_percentile_is_a_value_that_was_measured(values: list[int], percent: float, expected: int) -> None:
    assert percentile(values, percent) == expected


def test_ratio_is_of_the_medians_and_its_extremes_are_of_the_rounds() -> None:
    figure = ratio_of_medians("x", [10, 50, 30], [10, 100, 90], at_least(1))
    assert figure.value == pytest.approx(30 / 90)
    assert figure.low == pytest.approx(30 / 90)
    assert figure.high == 1
    assert not figure.is_met


def test_difference_is_of_the_medians_and_may_be_negative() -> None:
    figure = difference_of_medians("x", [3, 4, 9], [1, 5, 2], "ms", at_most(2))
    assert (figure.value, figure.low, figure.high, figure.unit) == (2, -1, 7, "ms")
    assert figure.is_met


def test_set_ups_with_different_numbers_of_rounds_are_not_compared() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio_of_medians("x", [1, 2], [1])


def test_the_worst_round_decides() -> None:
    assert not worst_of("x", [1, 2, 9], "s", at_most(5)).is_met
    assert worst_of("x", [1, 2, 9], "s", at_most(5)).value == 9
    assert not worst_of("x", [1, 2, 9], "s", at_least(2)).is_met


def test_bounds_include_themselves_and_nothing_wanted_is_met() -> None:
    assert single("x", 5, wanted=at_least(5)).is_met
    assert single("x", 5, wanted=at_most(5)).is_met
    assert not single("x", 4.99, wanted=at_least(5)).is_met
    assert median_of("x", [1, 9]).is_met


def test_growth_compares_the_last_fifth_with_the_second() -> None:
    filling_then_flat = [10, 50] + [100] * 8
    assert growth(filling_then_flat) == pytest.approx(100 / 100)
    assert growth([10, 20, 30, 40, 50]) == pytest.approx(50 / 20)
    leaking = [100 + sample for sample in range(100)]
    assert growth(leaking) > 1.4


def test_growth_needs_five_samples() -> None:
    with pytest.raises(ValueError, match="4 samples"):
        growth([1, 2, 3, 4])


@pytest.mark.parametrize(
    ("some", "others", "expected"),
    [
        ([1, 2, 3], [1, 2, 3], 0.5),
        ([1, 2], [3, 4], 1),
        ([3, 4], [1, 2], 0),
        ([2], [1, 2, 3, 3], 0.625),
        ([5, 5], [5], 0.5),
    ],
)
def test_probability_of_less_counts_pairs(some: list[float], others: list[float], expected: float) -> None:
    assert probability_of_less(some, others) == expected
    assert probability_of_less(others, some) == 1 - expected
