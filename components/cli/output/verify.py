"""What a verification prints."""

from dataclasses import asdict
from typing import Any

from rich.text import Text

from components.audit.checks.verify_blobs import BlobReport
from components.audit.checks.verify_site import Verified
from components.cli.output.console import make_console
from components.cli.output.terminal import show_text
from components.verifier.report import Report, describe_report


def describe_verification(verified: Verified) -> dict[str, Any]:
    """Describe a verification for JSON; a log that does not exist yet has no report."""
    logs = {name: report and {"ok": report.ok, **asdict(report)} for name, report in verified.reports.items()}
    files = verified.files and {"ok": verified.files.ok, **asdict(verified.files)}
    return {"ok": verified.ok, "logs": logs, "files": files}


def print_verification(verified: Verified) -> None:
    """Print the result of a verification, log by log, then of files: problems first, the verdict last."""
    console = make_console()
    for name, report in verified.reports.items():
        for line in _report_lines(name, report):
            console.print(line)
    if verified.files is not None:
        for line in _file_lines(verified.files):
            console.print(line)


def _file_lines(report: BlobReport) -> list[Text]:
    lines = []
    for problem in report.problems:
        where = "files" if problem.index is None else f"{report.log}/{problem.index}"
        lines.append(Text(f"{where}: {show_text(problem.detail)} ({problem.kind})", style="bold red"))
    verdict = f"{report.problem_count:,} problems" if report.problem_count else "all verified"
    style = "bold red" if report.problem_count else "green"
    lines.append(Text(f"files: {report.intact:,} intact, {verdict}", style=style))
    opened = f"  {report.opened:,} of them were opened and hold what their records say"
    unopened = "; no auditors' key here opens the others" if report.opened < report.intact else ""
    lines.append(Text(opened + unopened))
    if report.destroyed:
        lines.append(Text(f"  {report.destroyed:,} are destroyed with their records"))
    if report.unrecorded:
        lines.append(Text(f"  {report.unrecorded:,} have no record: they came just now, or were cut off"))
    return lines


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
