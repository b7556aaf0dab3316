"""Rates: how much one sender says, in a window that moves."""

from typing import Any

import pytest

from policy.content.parse import PolicyError, parse_policy
from policy.content.rate import RECIPIENTS_MAX, SENDERS_MAX, RateCounter, matches_amount, parse_amount
from policy.content.rule import Counted, Rate
from tests.unit.policy.content.rules import write_rule

S = 1_000_000_000
THREE_A_MINUTE = Rate(Counted.MESSAGES, 3, 60)


def exceeded(rate: Rate, *said: tuple[int, str, int]) -> list[bool]:
    """What becomes of messages: the second, to whom, how many bytes."""
    counter = RateCounter(rate)
    return [counter.exceeds("alice", to, size, at_s * S) for at_s, to, size in said]


def test_messages_count_within_the_window() -> None:
    said = [(second, "bob", 9) for second in (0, 10, 20, 30, 62, 90, 91, 200)]
    assert exceeded(THREE_A_MINUTE, *said) == [False, False, False, True, True, False, False, False]


def test_recipients_count_once_each() -> None:
    rate = Rate(Counted.RECIPIENTS, 2, 60)
    said = [(0, "a", 1), (1, "b", 1), (2, "a", 1), (3, "c", 1), (50, "a", 1), (70, "d", 1), (75, "b", 1)]
    assert exceeded(rate, *said) == [False, False, False, True, True, False, True]


def test_bytes_add_up() -> None:
    assert exceeded(Rate(Counted.BYTES, 100, 60), (0, "a", 100), (1, "a", 1), (70, "a", 101)) == [
        False,
        True,
        True,
    ]


def test_senders_count_each_for_themselves() -> None:
    counter = RateCounter(Rate(Counted.MESSAGES, 0, 1))
    assert counter.exceeds("alice", "x", 1, 0)
    counter = RateCounter(Rate(Counted.MESSAGES, 1, 1))
    assert [counter.exceeds(name, "x", 1, 0) for name in ("alice", "bob", "alice")] == [False, False, True]


def test_what_is_counted_already_is_not_counted_twice() -> None:
    counter = RateCounter(Rate(Counted.MESSAGES, 1, 60))
    assert not counter.exceeds("alice", "bob", 1, 0)
    assert not counter.exceeds("alice", "bob", 1, S, is_counted=True)
    assert counter.exceeds("alice", "bob", 1, 2 * S)
    assert counter.exceeds("alice", "bob", 1, 3 * S, is_counted=True)


@pytest.mark.parametrize("counted", Counted)
def test_a_clock_that_is_set_far_back_begins_anew(counted: Counted) -> None:
    counter = RateCounter(Rate(counted, 1, 60))
    year_s = 365 * 86_400
    assert not counter.exceeds("alice", "a", 1, year_s * S)
    assert counter.exceeds("alice", "b", 1, (year_s - 20) * S)
    assert not counter.exceeds("alice", "c", 1, 0)
    assert counter.exceeds("alice", "d", 1, S)


def test_who_has_been_silent_is_forgotten() -> None:
    counter = RateCounter(THREE_A_MINUTE)
    for number in range(1_000):
        counter.exceeds(f"p{number}", "x", 1, 0)
    assert len(counter) == 1_000
    counter.exceeds("alice", "x", 1, 120 * S)
    assert len(counter) == 1
    for number in range(SENDERS_MAX + 10):
        counter.exceeds(f"p{number}", "x", 1, 120 * S)
    assert len(counter) == SENDERS_MAX


@pytest.mark.parametrize("counted", Counted)
def test_examples_are_amounts(counted: Counted) -> None:
    rate = Rate(counted, 30, 60)
    assert parse_amount("31 in 60 s") == (31, 60)
    assert [matches_amount(rate, *amount) for amount in ((30, 60), (31, 60), (31, 0), (31, 200))] == [
        False,
        True,
        True,
        False,
    ]
    assert matches_amount(rate, 5_000_000, 60)
    assert not matches_amount(rate, 0, 60)


@pytest.mark.parametrize("text", ["31", "31 in 60", "x in 3 s", "-1 in 3 s", " 1 in 3 s", "1 in 3 s "])
def test_what_is_no_amount(text: str) -> None:
    assert parse_amount(text) is None


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"must_match": ["hello"]},
            "rule[0].must_match[0]: write how much in what time, such as '31 in 60 s'",
        ),
        (
            {"count": "recipients", "more_than": RECIPIENTS_MAX + 1},
            "rule[0].more_than: of recipients at most 1000 can be told apart",
        ),
        (
            {"action": "amend"},
            "rule[0].action: only links and files can be amended: choose flag, warn, hold or refuse",
        ),
        ({"count": "calls"}, "rule[0].count: 'calls' is none of 'messages', 'recipients' or 'bytes'"),
        ({"more_than": "3"}, "rule[0].more_than: must be a whole number"),
    ],
)
def test_a_rate_that_is_wrong(settings: dict[str, object], problem: str) -> None:
    rate: dict[str, Any] = {
        "kind": "rate",
        "count": "messages",
        "more_than": 30,
        "window_s": 60,
        "must_match": ["31 in 60 s"],
    }
    parse_policy(write_rule(**rate))
    with pytest.raises(PolicyError) as caught:
        parse_policy(write_rule(**(rate | settings)))
    assert caught.value.problems == (problem,)
