"""Lines of printed pages: each character once, none wider than the page, broken where a reader expects it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.audit.export.pdf_lines import Sign, break_lines, write_runs

WIDTHS = {" ": 300.0, "i": 200.0, "W": 1000.0}


def signs(text: str) -> list[Sign]:
    return [
        Sign("plain" if each < "\u2e80" else "cjk", WIDTHS.get(each, 500.0), f"{ord(each):04X}")
        for each in text
    ]


def lines(text: str, width_em: float) -> list[str]:
    broken = break_lines(text, signs(text), width_em)
    return ["".join(chr(int(sign.code, 16)) for sign in line) for line in broken]


@pytest.mark.parametrize(
    ("text", "width_em", "expected"),
    [
        ("", 4, [""]),
        ("copper", 4, ["copper"]),
        ("copper and tin", 4, ["copper ", "and tin"]),
        ("copper    tin", 4, ["copper    ", "tin"]),
        ("a copperplate", 4, ["a ", "copperpl", "ate"]),
        ("WWWWW", 2, ["WW", "WW", "W"]),
        ("iiiiiiiiiiW", 2, ["iiiiiiiiii", "W"]),
        ("W", 0.5, ["W"]),
        ("铜价上涨", 1, ["铜价", "上涨"]),
        ("buy 铜价上涨 now", 3, ["buy 铜价", "上涨 now"]),
        ("铜价上，涨", 1.5, ["铜价", "上，涨"]),
    ],
)
def test_lines_are_broken_where_a_reader_expects_it(text: str, width_em: float, expected: list[str]) -> None:
    assert lines(text, width_em) == expected


@given(st.text("iWa 铜，", max_size=60), st.floats(1, 9))
def test_nothing_is_lost_and_no_line_is_too_wide(text: str, width_em: float) -> None:
    broken = lines(text, width_em)
    assert "".join(broken) == text
    for line in broken:
        # Blanks at a line's end are not seen.
        assert sum(sign.width for sign in signs(line.rstrip(" "))) <= width_em * 1000 + 1e-6
        assert line or not text


def test_a_line_changes_its_font_where_it_has_to() -> None:
    written = write_runs(signs("a铜铜b"), {"plain": 1, "cjk": 4}, 9)
    assert written == "/F1 9.00 Tf <0061> Tj /F4 9.00 Tf <94DC94DC> Tj /F1 9.00 Tf <0062> Tj"
