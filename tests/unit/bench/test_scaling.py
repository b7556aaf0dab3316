"""A firm's day, played through: nothing gets lost on the way, and what is too much for a core waits."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.documents import write_docs
from tests.bench.errors import BenchError
from tests.bench.report import render_markdown, render_table
from tests.bench.results import load_results
from tests.bench.scaling import NEEDED, make_table, read_costs, replace_table
from tests.bench.scaling_model import (
    BUSY_AT_MOST,
    GATE,
    INDEXER,
    SERVER,
    STEP_S,
    Costs,
    Firm,
    find_lines,
    play,
    play_day,
    stanzas_by_step,
)

DOCS = Path(__file__).resolve().parents[3] / "docs"
COSTS = Costs(
    server_us=50.0,
    gate_us=40.0,
    indexer_us=80.0,
    server_login_ms=5.0,
    gate_login_ms=1.0,
    server_base_mib=50.0,
    gate_base_mib=100.0,
    server_session_kib=64.0,
    gate_session_kib=1.0,
    sessions=10_000,
    record_bytes=700.0,
    index_bytes=100.0,
    search_ms_per_million=100.0,
)


def test_a_day_has_all_of_its_stanzas_and_none_at_night() -> None:
    steps = list(stanzas_by_step(1_000_000.0))
    assert len(steps) == 86_400 / STEP_S
    assert sum(steps) == pytest.approx(1_000_000)
    assert not any(steps[: 8 * 3600 // STEP_S]) and not any(steps[19 * 3600 // STEP_S :])
    assert max(steps) == steps[(9 * 3600 + 1800) // STEP_S]


@pytest.mark.parametrize("cost_us", [1.0, 50.0, 4000.0])
def test_a_core_does_all_that_comes_and_is_never_busier_than_whole(cost_us: float) -> None:
    stanzas = 8_000_000.0
    part = play(stanzas, cost_us)
    assert part.mean * 86_400 == pytest.approx(stanzas * cost_us / 1e6)
    assert part.mean <= 1.0


def test_what_is_too_much_for_a_core_waits_and_what_is_not_does_not() -> None:
    busiest = max(stanzas_by_step(8_000_000.0)) / STEP_S
    assert play(8_000_000.0, 0.99e6 / busiest).behind_s == 0
    assert play(8_000_000.0, 1.5e6 / busiest).behind_s > 0


def test_twice_the_people_are_twice_the_work() -> None:
    one, two = (play_day(Firm(people), COSTS, 1) for people in (1_000, 2_000))
    for name in (SERVER, GATE, INDEXER):
        assert two.parts[name].peak == pytest.approx(2 * one.parts[name].peak)
    for grown in ("peak_stanzas", "log_gb", "index_gb", "files_gb", "search_s", "back_online_s"):
        assert getattr(two, grown) == pytest.approx(2 * getattr(one, grown))


def test_twice_the_lines_are_half_the_work_for_each_and_the_same_for_all() -> None:
    one, two = (play_day(Firm(50_000), COSTS, lines) for lines in (5, 10))
    assert two.parts[GATE].peak == pytest.approx(one.parts[GATE].peak / 2)
    assert two.back_online_s == pytest.approx(one.back_online_s / 2)
    assert (two.log_gb, two.peak_stanzas) == (one.log_gb, one.peak_stanzas)


@pytest.mark.parametrize(
    ("people", "costs", "lines"),
    [
        (1, COSTS, 1),
        (10_000, COSTS, 1),
        (10_001, COSTS, 2),  # nobody has measured more at one server
        (1_000_000, COSTS, 100),
        (10_000, replace(COSTS, gate_us=1000.0), None),
    ],
)
def test_there_are_as_few_lines_as_it_takes(people: int, costs: Costs, lines: int | None) -> None:
    firm = Firm(people)
    found = find_lines(firm, costs)
    assert lines in (None, found)
    day = play_day(firm, costs, found)
    assert max(part.peak for part in day.parts.values()) <= BUSY_AT_MOST
    assert day.sessions_share <= 1
    if found > 1:
        fewer = play_day(firm, costs, found - 1)
        assert max(part.peak for part in fewer.parts.values()) > BUSY_AT_MOST or fewer.sessions_share > 1


@pytest.mark.parametrize(
    ("costs", "limit"),
    [
        (replace(COSTS, server_us=1500.0), "the server's core"),
        (replace(COSTS, gate_us=1500.0), "the gate's core"),
        (replace(COSTS, indexer_us=9000.0), "the indexer's core"),
        (COSTS, "people online at one server, of those that were measured"),
    ],
)
def test_the_limit_is_what_is_nearest_to_its_end(costs: Costs, limit: str) -> None:
    name, share = play_day(Firm(5_000), costs, 1).limit
    assert name == limit
    assert share > 0


def test_costs_are_read_from_what_was_measured() -> None:
    results = load_results(DOCS / "benchmarks.json")
    costs = read_costs(results)
    assert all(getattr(costs, name) > 0 for name in Costs.__slots__)
    # A whole core does not do more messages a second than the line was measured to.
    assert 1e6 / costs.gate_us == pytest.approx(
        next(
            each.value
            for each in results["gate_alone"].findings.figures
            if each.what == "decided and recorded"
        )
    )
    for name in NEEDED:
        with pytest.raises(BenchError, match=name):
            read_costs({each: result for each, result in results.items() if each != name})


def test_a_figure_that_has_another_name_now_is_missed() -> None:
    results = load_results(DOCS / "benchmarks.json")
    crowd = results["crowd"]
    renamed = replace(
        crowd,
        findings=replace(
            crowd.findings,
            figures=tuple(replace(each, what=f"new {each.what}") for each in crowd.findings.figures),
        ),
    )
    with pytest.raises(BenchError, match="has no figure"):
        read_costs({**results, "crowd": renamed})


@pytest.mark.slow
def test_the_document_gets_what_new_figures_give_and_keeps_all_else(tmp_path: Path) -> None:
    results = load_results(DOCS / "benchmarks.json")
    document = (DOCS / "scaling.md").read_text("utf-8")
    assert replace_table(document, results) == document
    (tmp_path / "scaling.md").write_text(document, encoding="utf-8")
    gate = results["gate_alone"]
    slower = tuple(replace(each, value=each.value / 2) for each in gate.findings.figures)
    changed = {**results, "gate_alone": replace(gate, findings=replace(gate.findings, figures=slower))}
    write_docs(tmp_path, changed)
    written = (tmp_path / "scaling.md").read_text("utf-8")
    assert "\n".join(render_table(make_table(changed))) in written
    assert lines_of(document) - lines_of(written) == {
        line for line in lines_of(document) if "gate: its core" in line
    }
    assert (written.count("\n"), replace_table(written, results)) == (document.count("\n"), document)
    assert load_results(tmp_path / "benchmarks.json") == changed
    assert (tmp_path / "benchmarks.md").read_text("utf-8") == render_markdown(changed.values())


def lines_of(document: str) -> set[str]:
    return set(document.splitlines())


def test_a_document_without_its_table_is_told_and_none_is_made_of_too_little() -> None:
    results = load_results(DOCS / "benchmarks.json")
    with pytest.raises(BenchError, match=r"scaling\.md has no table"):
        replace_table("# Scaling\n", results)
    document = "| people | 1 |\n| --- | ---: |\n| lines | 1 |\n"
    assert replace_table(document, {}) == document


def test_the_document_has_what_the_figures_give_today() -> None:
    table = "\n".join(render_table(make_table(load_results(DOCS / "benchmarks.json"))))
    assert table in (DOCS / "scaling.md").read_text("utf-8")
