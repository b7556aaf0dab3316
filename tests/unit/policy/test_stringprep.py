"""Nodeprep and Nameprep; tests/conformance/test_addresses.py compares them with the server's own."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import stringprep
from policy.stringprep import StringprepError, nameprep, nodeprep

ASCII = [chr(code) for code in range(128)]
WAYS: list[tuple[Callable[[str], str], Callable[[str], str]]] = [
    (nodeprep, lambda text: stringprep._prepare(text, stringprep._PROHIBITED_IN_NODES)),
    (nameprep, lambda text: stringprep._prepare(text, stringprep._PROHIBITED)),
]
"""Each with what the tables of RFC 3454 say, asked one by one."""


def outcome(prepare: Callable[[str], str], text: str) -> tuple[str, str]:
    """Return what becomes of a text, or the character at fault."""
    try:
        return "prepared", prepare(text)
    except StringprepError as error:
        return "refused", error.char


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("alice", "alice"),
        ("ALICE", "alice"),
        ("weiß", "weiss"),
        ("νίκος", "νίκοσ"),
        ("ᾳx", "αιx"),
        ("ｂｏｂ", "bob"),
        ("so\u00adft", "soft"),
        ("zoe\u0308", "zoë"),
        ("דוד", "דוד"),
        ("1² ", None),
        ("a b", None),
        ("a\u00a0b", None),
        ("a@b", None),
        ("a/b", None),
        ("a'b", None),
        ("a\x00b", None),
        ("a\u202eb", None),
        ("a\ue000b", None),
        ("a\ufffdb", None),
        ("a\U000e0041b", None),
        ("דוד1", None),
        ("1דוד", None),
        ("דalice", None),
        ("\u1e9e", None),
        ("\u023d", None),
        ("\u10a0", None),
    ],
)
def test_the_part_before_the_at(text: str, prepared: str | None) -> None:
    if prepared is None:
        with pytest.raises(StringprepError):
            nodeprep(text)
    else:
        assert nodeprep(text) == prepared
        assert nodeprep(prepared) == prepared


def test_domains_may_hold_what_localparts_may_not() -> None:
    assert nameprep("STRASSE.example") == nameprep("straße.example") == "strasse.example"
    assert nameprep("a'b&c") == "a'b&c"


@pytest.mark.parametrize(("quick", "by_tables"), WAYS, ids=["node", "name"])
def test_of_ascii_each_character_is_as_the_tables_say(
    quick: Callable[[str], str], by_tables: Callable[[str], str]
) -> None:
    for text in ("", *ASCII, *(f"a{char}B" for char in ASCII)):
        assert outcome(quick, text) == outcome(by_tables, text), repr(text)


@pytest.mark.parametrize(("quick", "by_tables"), WAYS, ids=["node", "name"])
@given(
    st.text(
        st.sampled_from([*ASCII, "ü", "ß", "\u00ad", "\u00a0", "\u05d3", "\u212a", "\u0130"]), max_size=12
    )
)
def test_any_text_is_as_the_tables_say(
    quick: Callable[[str], str], by_tables: Callable[[str], str], text: str
) -> None:
    assert outcome(quick, text) == outcome(by_tables, text)
