"""The alert rules and the dashboard name figures that there are, by their labels, and say what to do."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from components.archive.alarm_name import AlarmName
from tests.support.figures import read_documented

ROOT = Path(__file__).resolve().parents[2]
ALERTS = (ROOT / "config" / "monitoring" / "alerts.yml").read_text()
DASHBOARD: dict[str, Any] = json.loads((ROOT / "config" / "monitoring" / "dashboard.json").read_text())

# Each process's own test compares docs/metrics.md with what it serves.
DOCUMENTED = read_documented("steelyard_")
# What Prometheus makes of each kind.
ENDINGS = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
SERVED = {
    f"{name}{ending}": (name, kind, label) for name, kind, label in DOCUMENTED for ending in ENDINGS[kind]
}
COMMANDS = (ROOT / "docs" / "commands.md").read_text()


def expressions_of_alerts() -> list[str]:
    return re.findall(r"^ +expr: (.+)$", ALERTS, re.MULTILINE)


def expressions_of_dashboard() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


EXPRESSIONS = [*expressions_of_alerts(), *expressions_of_dashboard()]


def test_there_are_rules_and_panels() -> None:
    assert len(expressions_of_alerts()) > 10
    assert len(expressions_of_dashboard()) > 30
    assert len(SERVED) > 60


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_each_figure_is_served(expression: str) -> None:
    names = re.findall(r"\b(?:steelyard_\w+|up)\b", expression)
    assert names
    assert [name for name in names if name not in SERVED and name != "up"] == []


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_counter_is_looked_at_by_how_it_rises_and_a_gauge_as_it_is(expression: str) -> None:
    rising = re.findall(r"\b(?:rate|increase)\((steelyard_\w+)", expression)
    for name in re.findall(r"\bsteelyard_\w+", expression):
        assert (name in rising) == (SERVED[name][1] != "gauge"), name


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_each_label_is_one_of_the_figure(expression: str) -> None:
    for name, labels in re.findall(r"\b(steelyard_\w+)\{([^}]*)\}", expression):
        own = {SERVED[name][2], "instance", "job"} | ({"le"} if name.endswith("_bucket") else set())
        assert {each.partition("=")[0].rstrip("~!") for each in labels.split(",")} <= own
    assert expression.count("(") == expression.count(")")


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: panel["title"])
def test_what_a_legend_names_is_a_label_of_its_figure(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
            figures = re.findall(r"\bsteelyard_\w+", target["expr"])
            assert label == "instance" or label in {SERVED[name][2] for name in figures}


def test_panels_lie_beside_and_below_one_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_each_rule_says_how_bad_it_is_and_what_to_do() -> None:
    rules = re.split(r"^      - alert: ", ALERTS, flags=re.MULTILINE)[1:]
    names = [rule.split("\n")[0] for rule in rules]
    assert len(set(names)) == len(names)
    for rule in rules:
        assert re.search(r"severity: (critical|warning) ", rule), rule
        assert re.search(r'^          summary: ".+"$', rule, re.MULTILINE), rule
        (remedy,) = re.findall(r'^          remedy: "(.+)"$', rule, re.MULTILINE)
        assert all(
            f"## {each}\n" in COMMANDS for each in re.findall(r"steelyard (?:\w+ ?)+(?=[;,]|$)", remedy)
        )


def test_documents_and_alarms_that_rules_name_are_there() -> None:
    for name in re.findall(r"docs/[\w-]+\.md", ALERTS):
        assert (ROOT / name).is_file()
    named = set(re.findall(r"docs/alarms\.md, ([a-z-]+-[a-z-]+)", ALERTS))
    assert named
    assert named <= {alarm.value for alarm in AlarmName}


def test_every_gauge_that_tells_of_a_fault_has_a_rule() -> None:
    faults = re.compile(r"_(alarm|stuck|forked|behind)$")
    telling = {name for name, kind, _ in DOCUMENTED if kind == "gauge" and faults.search(name)}
    assert len(telling) >= 5
    assert {name for name in telling if name not in " ".join(expressions_of_alerts())} == set()


# What Grafana fills in by itself where a panel asks Prometheus.
BUILT_IN = {"__rate_interval", "__interval", "__range"}
# Of @grafana/data's `valueFormats`: a name that it does not know is shown behind each number.
UNITS = {"none", "short", "s", "ms", "bytes", "percentunit", "ops", "reqps", "Bps", "dateTimeAsIso"}


def variables_in(value: object) -> set[str]:
    return {name for pair in re.findall(r"\$(?:\{(\w+)|(\w+))", json.dumps(value)) for name in pair if name}


def test_every_variable_that_a_panel_names_is_one_of_the_dashboards() -> None:
    own = {each["name"] for each in DASHBOARD["templating"]["list"]}
    assert own == {"datasource", "instance"}
    for panel in DASHBOARD["panels"]:
        assert variables_in(panel) <= own | BUILT_IN, panel["title"]
    # Chosen among the data sources of whoever imports it, and not one of ours.
    for each in (*DASHBOARD["panels"], DASHBOARD["templating"]["list"][1]):
        assert each["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: panel["title"])
def test_a_panel_is_drawn_as_grafana_knows_it(panel: dict[str, Any]) -> None:
    assert panel["type"] in {"stat", "timeseries"}
    names = [target["refId"] for target in panel["targets"]]
    assert len(set(names)) == len(names) > 0
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults.get("unit", "none") in UNITS
    steps = [step["value"] for step in defaults.get("thresholds", {"steps": []})["steps"]]
    # The first has no value: it holds below all others, which rise.
    assert steps == ([None, *sorted(steps[1:])] if steps else [])


def test_it_is_imported_as_a_new_one_and_remembers_nothing_of_where_it_was_made() -> None:
    assert "id" not in DASHBOARD
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,40}", DASHBOARD["uid"])
    assert DASHBOARD["schemaVersion"] <= 39  # that of Grafana 10.4: a later one is not taken by it
    assert (
        "current" not in DASHBOARD["templating"]["list"][0]
        or not DASHBOARD["templating"]["list"][0]["current"]
    )
