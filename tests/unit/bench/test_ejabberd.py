"""What ejabberd's set-ups are compared by, and that they differ in nothing but what keeps messages."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.ejabberd import BARE, PAIRS, STEELYARD, WITH_MAM, Runs, _findings
from tests.bench.saturate import Saturation
from tests.support.ejabberd import EjabberdServer
from tests.support.prosody import private_plan

RATES = {BARE: (900.0, 1000.0, 5000.0), WITH_MAM: (400.0, 500.0, 500.0), STEELYARD: (100.0, 700.0, 800.0)}


@pytest.fixture
def runs() -> Runs:
    """Return three rounds of each, of which one was disturbed."""
    return {
        (name, pairs): [Saturation(rate, 10, 10, 0, {"ejabberd": 1.0}) for rate in rates]
        for name, rates in RATES.items()
        for pairs in PAIRS
    }


def test_set_ups_are_compared_by_their_medians(runs: Runs) -> None:
    figures = {figure.what: figure for figure in _findings(runs, "23.01").figures}
    assert len(figures) == 5 * len(PAIRS)
    for pairs in PAIRS:
        bare = figures[f"{STEELYARD} / {BARE}, {pairs} pairs"]
        assert (bare.value, bare.is_met) == (0.7, True)
        assert figures[f"{STEELYARD} / {WITH_MAM}, {pairs} pairs"].value == 1.4
        assert figures[f"{BARE}, {pairs} pairs"].value == 1000


def test_less_than_three_fifths_of_bare_is_not_enough(runs: Runs) -> None:
    runs[STEELYARD, PAIRS[0]] = [Saturation(599.0, 10, 10, 0, {"ejabberd": 1.0})] * 3
    missed = [figure.what for figure in _findings(runs, "23.01").figures if not figure.is_met]
    assert missed == [f"{STEELYARD} / {BARE}, {PAIRS[0]} pairs"]


def test_each_single_run_is_kept_with_the_servers_version(runs: Runs) -> None:
    found = _findings(runs, "24.12")
    assert len(found.runs) == 3 * len(RATES) * len(PAIRS)
    assert {(run["version"], run["set_up"], run["pairs"]) for run in found.runs} == {
        ("24.12", name, pairs) for name in RATES for pairs in PAIRS
    }
    assert found.tables[1].rows == (("ejabberd", "24.12"),)


def modules(folder: Path, *without: str) -> dict[str, Any]:
    server = EjabberdServer(private_plan(folder), without=without)
    found: dict[str, Any] = json.loads(server._config())["modules"]
    return found


def test_a_module_that_is_left_out_is_all_that_is(tmp_path: Path) -> None:
    every = modules(tmp_path)
    assert "mod_mam" in every
    del every["mod_mam"]
    assert modules(tmp_path, "mod_mam") == every
