"""Texts that people are shown as they are."""

import pytest

from policy.directory.directory import DirectoryError, parse_directory
from policy.shown import check_line, check_lines


@pytest.mark.parametrize(
    "text", ["The pit", "Zoë", "می\u200cخواهم", "👩\u200d🌾 harvest", "銅 — 25 t", "a\u00a0b"]
)
def test_what_is_shown(text: str) -> None:
    assert check_line(text) == check_lines(text) == text


@pytest.mark.parametrize(
    "char", ["\x00", "\x0b", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\ud800", "\uffff"]
)
def test_what_breaks_a_stanza_or_a_line(char: str) -> None:
    for check in (check_line, check_lines):
        with pytest.raises(ValueError, match="control character"):
            check(f"The{char}pit")


def test_a_notice_may_have_lines() -> None:
    assert check_lines("one\ntwo") == "one\ntwo"
    with pytest.raises(ValueError, match="control character"):
        check_line("one\ntwo")


FILE = """
gate = "gate.example"
[enterprise.metals]
name = "Metals Ltd"
sites = [{ domain = "metals.example", rooms = "rooms.metals.example" }]
[[enterprise.metals.desk]]
id = "base"
name = "Base metals"
[[enterprise.metals.person]]
jid = "alice@metals.example"
name = "Alice Arden"
roles = ["trader"]
id = "A 1"
[[enterprise.metals.room]]
jid = "pit@rooms.metals.example"
name = "The pit"
"""


@pytest.mark.parametrize("shown", ["Metals Ltd", "Base metals", "Alice Arden", "A 1", "The pit"])
def test_no_name_of_a_directory_has_a_control_character(shown: str) -> None:
    parse_directory(FILE)
    with pytest.raises(DirectoryError) as raised:
        parse_directory(FILE.replace(shown, shown[:1] + "\\u000b" + shown[1:]))
    (problem,) = raised.value.problems
    assert problem.endswith("has the control character '\\x0b': leave it out, and write one line")
