"""Lines of printed pages: each word once, none wider than the page, in the order in which people read them."""

import re

import pytest
from fpdf.bidi import BidiParagraph
from hypothesis import given
from hypothesis import strategies as st

from components.audit.export.pdf_lines import Piece, Word, break_lines, order_pieces, write_pieces
from components.audit.export.pdf_shape import find_directions

WIDTHS = {" ": 300.0, "i": 200.0, "W": 1000.0}


def word(text: str, level: int = 0) -> Word:
    pieces = tuple(Piece("plain", WIDTHS.get(each, 500.0), each, level) for each in text)
    return Word(sum(piece.width for piece in pieces), pieces, not text.strip(" "))


def lines(text: str, limit: float) -> list[str]:
    words = [word(each) for each in re.findall(" +|[^ ]+", text)]
    return [
        "".join(piece.shown for each in line for piece in each.pieces) for line in break_lines(words, limit)
    ]


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("", 4000, [""]),
        ("copper", 4000, ["copper"]),
        ("copper and tin", 4000, ["copper ", "and tin"]),
        ("copper    tin", 4000, ["copper    ", "tin"]),
        ("  WW", 4000, ["  WW"]),
        ("W W W", 2300, ["W W ", "W"]),
        ("W W W", 2299, ["W ", "W ", "W"]),
    ],
)
def test_lines_are_broken_where_a_reader_expects_it(text: str, limit: float, expected: list[str]) -> None:
    assert lines(text, limit) == expected


@given(st.text("iWa ", max_size=60), st.floats(500, 9000))
def test_nothing_is_lost_and_no_line_is_too_wide(text: str, limit: float) -> None:
    broken = lines(text, limit)
    assert "".join(broken) == text
    for line in broken:
        # Blanks at a line's end are not seen; a word that is wider by itself is cut before.
        assert word(line.rstrip(" ")).width <= limit + 1e-6 or len(line.split()) == 1
        assert line or not text


# Letters from the left and from the right, Arabic ones, numbers of both kinds, marks, signs, brackets, explicit turns.
DIRECTED = st.text(
    "ab אבجد 12٣+-.,:%$()[]\u0301 \t\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    max_size=40,
)


@given(DIRECTED)
def test_directions_are_those_of_the_whole_algorithm(text: str) -> None:
    """Runs of the same class are looked at as one character; the levels are as if they were not."""
    found = find_directions(text)
    paragraph = BidiParagraph(text)
    expected = {char.character_index: char.embedding_level for char in paragraph.get_characters()}
    assert len(found.levels) == len(text)
    assert {place: found.levels[place] for place in expected} == expected
    assert found.base == paragraph.base_embedding_level


@given(DIRECTED)
def test_a_line_is_ordered_as_by_the_standard(text: str) -> None:
    kept = "".join(char.character for char in BidiParagraph(text).get_characters())
    levels, base = find_directions(kept)
    line = [word(char, level) for char, level in zip(kept, levels, strict=True)]
    shown = "".join(piece.shown for piece in order_pieces(line, base))
    # Our lines never have tabs, whose levels are another's matter.
    if "\t" not in kept:
        assert shown == BidiParagraph(kept).get_reordered_string()


def test_blanks_at_the_end_of_a_line_stand_at_the_end_of_its_paragraph() -> None:
    line = [word("a", 2), word(" ", 2)]
    assert [piece.shown for piece in order_pieces(line, 1)] == [" ", "a"]
    assert [piece.shown for piece in order_pieces(line, 0)] == ["a", " "]


def test_a_line_changes_its_font_where_it_has_to() -> None:
    pieces = [Piece("plain", 500, "<0061>"), Piece("cjk", 900, "<94DC>"), Piece("cjk", 900, "<94DD>")]
    written = write_pieces([*pieces, pieces[0]], {"plain": 1, "cjk": 4}, 9)
    assert written == "/F1 9.00 Tf [<0061>] TJ /F4 9.00 Tf [<94DC><94DD>] TJ /F1 9.00 Tf [<0061>] TJ"
