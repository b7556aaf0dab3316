"""What the check of a site prints."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from components.cli.output.console import make_console
from components.site.check import Finding


def describe_findings(findings: Iterable[Finding]) -> dict[str, Any]:
    """Describe the result for JSON."""
    checks = [asdict(each) for each in findings]
    return {"ok": all(check["ok"] for check in checks), "checks": checks}


def print_findings(findings: Iterable[Finding]) -> None:
    """Print the result as a table: what is right, and what to do about the rest."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in findings:
        mark = Text("✔ ok", "green") if each.ok else Text("✘ problem", "bold red")
        table.add_row(mark, each.name, Text(each.text))
    make_console().print(table)
