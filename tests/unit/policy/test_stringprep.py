"""Nodeprep and Nameprep; tests/conformance/test_addresses.py compares them with the server's own."""

import pytest

from policy.stringprep import StringprepError, nameprep, nodeprep


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
