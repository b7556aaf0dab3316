"""File names: of any script, and never a path or a lie about the ending."""

import pytest

from policy.files.name import clean_name


@pytest.mark.parametrize(
    "name", ["a.pdf", "报价单 11月.xlsx", "견적서.pdf", "عرض.pdf", "می‌خواهم.txt", "👩‍🔬.png", "a b (1).txt"]
)
def test_names_that_stay(name: str) -> None:
    assert clean_name(name) == name


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..\\..\\a.exe", "_.._a.exe"),
        ("/etc/passwd", "_etc_passwd"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\x00.txt\r\nX: y", "a.txtX: y"),
        ("a\u2028b.txt", "ab.txt"),
        ("a\ud800.txt", "a.txt"),
        ("\u200b.", "file"),
        ("...", "file"),
        ("", "file"),
        ("e\u0301.txt", "é.txt"),
    ],
)
def test_names_that_are_changed(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned
