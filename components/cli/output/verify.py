"""What a verification prints."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.text import Text

from components.cli.output.console import make_console
from components.cli.output.terminal import show_text
from components.verifier.report import Report, describe_report


def describe_verification(reports: Mapping[str, Report | None]) -> dict[str, Any]:
    """Describe the verification of logs for JSON; a log that does not exist yet has no report."""
    return {
        "ok": all(report is None or report.ok for report in reports.values()),
        "logs": {name: report and {"ok": report.ok, **asdict(report)} for name, report in reports.items()},
    }


def print_verification(reports: Mapping[str, Report | None]) -> None:
    """Print the result of a verification, log by log: problems first, the verdict last."""
    console = make_console()
    for name, report in reports.items():
        for line in _report_lines(name, report):
            console.print(line)


def _report_lines(name: str, report: Report | None) -> list[Text]:
    if report is None:
        return [Text(f"{name}: there is no log yet; nobody has looked at the record", style="yellow")]
    lines = []
    for problem in report.problems:
        where = name if problem.index is None else f"{name}/{problem.index}"
        lines.append(Text(f"{where}: {show_text(problem.detail)} ({problem.kind})", style="bold red"))
    verdict = f"{len(report.problems):,} problems" if report.problems else "all verified"
    style = "bold red" if report.problems else "green"
    lines.append(Text(f"{name}: {report.size:,} records, {verdict}", style=style))
    lines += [Text(f"  {show_text(line)}") for line in describe_report(report)]
    return [*lines, Text(show_text(report.checkpoint.rstrip(), keep="\n"), style="dim")]
