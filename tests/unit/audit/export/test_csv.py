"""Cells of CSV: no spreadsheet computes any part of them, however it divides cells, and the text comes back."""

import csv
import io
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from components.audit.export.csv import neutralise
from components.audit.export.text import clean_xml
from tests.support.export_site import text_of_cell

_PIECES = (
    ";",
    "\t",
    "\n",
    "\r\n",
    "'",
    "=1+1",
    "+",
    "-",
    "@SUM(A1)",
    "＝",
    " ",
    "\u200b",
    "\u2028",
    "text",
    '"',
    ",",
)
hostile = st.lists(st.sampled_from(_PIECES) | st.text(max_size=2), max_size=10).map("".join)


@pytest.mark.slow
@given(hostile)
@example("see;=1+1;\n=2+2")
@example("'")
def test_no_part_of_a_cell_is_computed_and_its_text_comes_back(text: str) -> None:
    cell = neutralise(text)
    assert text_of_cell(cell) == clean_xml(text)
    for part in re.split("[;\t\r\n]", cell):
        shown = part.lstrip().lstrip("\u200b")
        assert not shown.lstrip().startswith(("=", "+", "@", "＝")), part
        assert not shown.startswith("-") or shown.startswith("-)"), part


@pytest.mark.slow
@given(hostile)
@example('see;"=1+1;')
@example('see\n"=1+1;\t"@SUM(A1)\t')
def test_no_cell_of_the_file_is_computed_where_something_else_divides_cells(text: str) -> None:
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL).writerow(["gate/1", neutralise(text), "x"])
    for divider in ";\t":
        for cells in csv.reader(io.StringIO(file.getvalue(), newline=""), delimiter=divider):
            for cell in cells:
                assert not cell.lstrip(" \u200b\u2028").startswith(("=", "+", "@", "＝")), cell
                assert not cell.startswith("-") or cell.startswith("-)"), cell


@pytest.mark.parametrize(
    "text", ["copper; tin", "one\ntwo\n\nthree", "till then ;-)", "it's 5-6 t at 9,400+"]
)
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert neutralise(text) == text


@pytest.mark.parametrize("text", ["\n" * 200_000, ";" * 200_000, "; " * 100_000, " " * 200_000])
def test_a_long_text_takes_no_longer_for_each_of_its_characters(text: str) -> None:
    """It would take minutes if each end of a line was compared with all blanks behind it."""
    assert text_of_cell(neutralise(text)) == text
