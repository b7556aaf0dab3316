"""The tables that are written from results, and the file that keeps them."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.figures import Findings, Table, at_least, at_most, ratio_of_medians, single
from tests.bench.machine import Machine
from tests.bench.report import format_number, render_markdown
from tests.bench.results import Result, load_results, store_results

MACHINE = Machine("a CPU", 2, "6.1", "ext4", 0.123, "3.11", "0.12.3", "3.40")
FINDINGS = Findings(
    (
        ratio_of_medians("Steelyard / bare", [60.0, 70.0], [100.0, 100.0], at_least(0.55)),
        single("p99", 25.0, "ms", at_most(20)),
        single("messages", 1_234_567),
    ),
    (Table("Shares", ("", "gate"), (("Steelyard", "0.50"),)),),
    ({"set_up": "bare", "rate": 28_000.5, "window": 64},),
)
RESULT = Result("Throughput", "What is compared.", "make bench", "2026-01-02", MACHINE, FINDINGS)


def test_a_section_says_what_was_wanted_measured_and_met() -> None:
    text = render_markdown([RESULT])
    assert "## Throughput\n\nWhat is compared.\n" in text
    assert "| Steelyard / bare | at least 0.55 | 0.65 | 0.60 - 0.70 | yes |" in text
    assert "| p99 | at most 20 ms | 25 ms |  | **no** |" in text
    assert "| messages |  | 1,234,567 |  |  |" in text
    assert "| Steelyard | 0.50 |" in text
    assert "Measured 2026-01-02 by `make bench` on 2 cores (a CPU)" in text


def test_every_row_of_a_table_has_as_many_cells_as_its_header() -> None:
    rows = [line for line in render_markdown([RESULT]).splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {6, 3}


def test_what_has_tables_alone_has_no_empty_one_before_them() -> None:
    text = render_markdown([replace(RESULT, findings=replace(FINDINGS, figures=()))])
    assert "What is compared.\n\nShares:\n\n|  | gate |" in text
    assert "wanted" not in text


def test_a_result_is_met_when_all_its_figures_are() -> None:
    assert not RESULT.is_met


def test_results_are_kept_whole(tmp_path: Path) -> None:
    file = tmp_path / "benchmarks.json"
    assert load_results(file) == {}
    store_results(file, {"throughput": RESULT})
    kept = load_results(file)
    assert kept == {"throughput": RESULT}
    assert render_markdown(kept.values()) == render_markdown([RESULT])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (5.0, "5"),
        (0.5512, "0.55"),
        (12.345, "12.35"),
        (123.456, "123.5"),
        (28_431.7, "28,432"),
        (math.inf, "∞"),
    ],
)
def test_numbers_read_as_a_person_writes_them(value: float, text: str) -> None:
    assert format_number(value) == text


def test_what_never_ended_is_kept_and_told(tmp_path: Path) -> None:
    endless = Result(
        "Overload", "", "", "", MACHINE, Findings((single("p99", math.inf, "ms", at_most(20)),), (), ())
    )
    store_results(tmp_path / "kept.json", {"overload": endless})
    assert load_results(tmp_path / "kept.json") == {"overload": endless}
    assert "| p99 | at most 20 ms | ∞ ms |" in render_markdown([endless])
