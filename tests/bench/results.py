"""The results of all measurements, kept as JSON: each with the command, the time and the machine that made it."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter

from tests.bench.figures import Findings
from tests.bench.machine import Machine


@dataclass(frozen=True, slots=True)
class Result:
    """One measurement, as it was made; `about` says what is compared, `taken_at` is in UTC."""

    title: str
    about: str
    command: str
    taken_at: str
    machine: Machine
    findings: Findings

    @property
    def is_met(self) -> bool:
        """Whether every figure is as wanted."""
        return all(figure.is_met for figure in self.findings.figures)


Results = dict[str, Result]

# JSON has no infinity; what never ended is kept as the text that reads back as it.
_RESULTS = TypeAdapter(Results, config=ConfigDict(ser_json_inf_nan="strings"))


def load_results(file: Path) -> Results:
    """Read what was kept, by the names of the measurements; nothing when there is no file."""
    return _RESULTS.validate_json(file.read_bytes()) if file.exists() else {}


def store_results(file: Path, results: Results) -> None:
    """Keep the results."""
    file.write_bytes(_RESULTS.dump_json(results, indent=1) + b"\n")
