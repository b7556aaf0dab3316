"""Expressions for sets of characters, some of which are made late."""

import re

import pytest

from policy.content.ranges import late, read_ranges, screen


def test_a_late_expression_is_made_once_and_when_it_is_asked_for() -> None:
    wrong = late("[")  # says nothing of what is wrong with it before
    with pytest.raises(re.error):
        wrong()
    first = late("[a-c]+", re.IGNORECASE)
    assert first() is first()
    assert first().findall("xAbC d") == ["AbC"]


def test_ranges_are_read_as_the_inside_of_a_set() -> None:
    assert read_ranges("41 61-7A 1F600-1F64F") == "Aa-z\U0001f600-\U0001f64f"


@pytest.mark.parametrize(
    ("text", "may"), [("plain", False), ("caf\u00e9", True), ("\U0001d159", True), ("\U0001f600", False)]
)
def test_a_screen_takes_what_is_beyond_the_first_plane_in_large_ranges(text: str, may: bool) -> None:
    found = screen("\u00e9\U0001d159", "\U00010000-\U0001efff" if may else "\U00010000-\U0001f1ff")
    assert (found.search(text) is not None) == may
