"""What a verifier's report says, in the few words that tests compare, and logs that it must find wrong."""

import json
from pathlib import Path

from components.verifier.report import Report

CORRUPTIONS = json.loads((Path(__file__).parents[1] / "vectors/archive/corruptions.json").read_text("utf-8"))


def found(report: Report) -> list[list[object]]:
    """Return each problem's kind and record."""
    return [[problem.kind, problem.index] for problem in report.problems]


def kinds(report: Report) -> list[str]:
    """Return each problem's kind."""
    return [problem.kind for problem in report.problems]


def states(report: Report) -> dict[str, int]:
    """Return how many records are in each state that there is."""
    return {state: count for state, count in report.states.items() if count}
