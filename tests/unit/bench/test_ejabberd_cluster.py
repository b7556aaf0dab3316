"""What two nodes of ejabberd are compared by."""

import pytest

from tests.bench.ejabberd_cluster import ACROSS, BARE, STEELYARD, WITHIN, Runs, _findings
from tests.bench.saturate import Saturation

RATES = {
    (BARE, WITHIN): 1000.0,
    (BARE, ACROSS): 400.0,
    (STEELYARD, WITHIN): 500.0,
    (STEELYARD, ACROSS): 300.0,
}
CPU = {"node 1": 0.5, "node 2": 0.25, "gate 1": 0.125, "gate 2": 0.125, "all else": 0.5}


def runs() -> Runs:
    """Return three rounds of each, of which one was disturbed."""
    return {
        key: [Saturation(each, 10, 10, 0, dict(CPU)) for each in (rate, rate / 4, rate)]
        for key, rate in RATES.items()
    }


def test_set_ups_and_ways_are_compared_by_their_medians() -> None:
    found = {figure.what: figure.value for figure in _findings(runs(), "23.01").figures}
    found = {what: value for what, value in found.items() if "CPU" not in what}
    assert found == {
        **{f"{name}, {way}": rate for (name, way), rate in RATES.items()},
        f"{STEELYARD} / {BARE}, {WITHIN}": 0.5,
        f"{STEELYARD} / {BARE}, {ACROSS}": 0.75,
        f"{BARE}: {ACROSS} / {WITHIN}": 0.4,
        f"{STEELYARD}: {ACROSS} / {WITHIN}": 0.6,
    }


def test_what_a_message_costs_is_of_both_nodes_and_both_gates() -> None:
    found = {figure.what: figure.value for figure in _findings(runs(), "23.01").figures}
    assert found[f"{BARE}, {ACROSS}: CPU a message, both nodes"] == pytest.approx(0.75 / 400 * 1e6)
    assert found[f"{STEELYARD}, {WITHIN}: CPU a message, both nodes"] == pytest.approx(0.75 / 500 * 1e6)
    assert found[f"{STEELYARD}, {WITHIN}: CPU a message, both gates"] == pytest.approx(0.25 / 500 * 1e6)
    assert f"{BARE}, {WITHIN}: CPU a message, both gates" not in found


def test_each_single_run_is_kept_with_the_servers_version() -> None:
    found = _findings(runs(), "24.12")
    assert len(found.runs) == 3 * len(RATES)
    assert {(run["version"], run["set_up"], run["way"]) for run in found.runs} == {
        ("24.12", name, way) for name, way in RATES
    }
