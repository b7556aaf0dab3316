"""What `make quick` leaves out of a test's cases is still tried by `make test`, and is the same case."""

import pytest

from tests.support.rounds import mostly_slow


def test_all_cases_are_there_and_only_the_first_ones_are_quick() -> None:
    cases = [("a", 1), "b", pytest.param("c", 3, marks=pytest.mark.programs, id="third"), {"d": 4}]
    kept = mostly_slow(cases, 1)
    assert kept[0] == ("a", 1)
    assert [case.values for case in kept[1:]] == [("b",), ("c", 3), ({"d": 4},)]
    assert [{mark.name for mark in case.marks} for case in kept[1:]] == [
        {"slow"},
        {"programs", "slow"},
        {"slow"},
    ]
    assert [case.id for case in kept[1:]] == [None, "third", None]


def test_any_number_may_be_quick() -> None:
    assert mostly_slow(range(3), 3) == [0, 1, 2]
    assert [case.values for case in mostly_slow(iter("xy"), 0)] == [("x",), ("y",)]
