"""What the doctor prints."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from components.cli.output.console import make_console
from components.site.doctor.facts import SiteFacts
from components.site.doctor.judge import Ailment, Severity, days_left
from components.site.restart import Restarted

_MARKS = {
    Severity.CRITICAL: ("✘ critical", "bold red"),
    Severity.WARNING: ("! warning", "yellow"),
    Severity.NOTE: ("· note", "dim"),
}


def describe_ailments(ailments: Sequence[Ailment], facts: SiteFacts) -> dict[str, Any]:
    """Describe for JSON what was found, and the figures that people draw from it."""
    return {
        "ok": all(each.severity is Severity.NOTE for each in ailments),
        "up_for_s": facts.up_for_s,
        "findings": [asdict(each) for each in ailments],
        "processes": [asdict(each) for each in facts.processes],
        "disks": [{**asdict(each), "days_left": days_left(each)} for each in facts.disks],
        "held": asdict(facts.held),
        "index_lag_s": facts.lag.index_s,
        "certificate_days": facts.certificates.days,
    }


def print_ailments(ailments: Sequence[Ailment], facts: SiteFacts) -> None:
    """Print what is wrong as a table, the worst first, each with what mends it; or that nothing is."""
    console = make_console()
    if not ailments:
        console.print(Text(f"✔ nothing is wrong: {_describe_well(facts)}", "green"))
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in ailments:
        mark, style = _MARKS[each.severity]
        table.add_row(Text(mark, style), each.about, Text(each.text))
        table.add_row("", "", Text(f"→ {each.remedy}", "cyan"))
    console.print(table)


def print_restarted(done: Restarted) -> None:
    """Print which process took the place of which."""
    text = f"✔ {done.name}: process {done.now} took the place of {done.before}"
    make_console().print(Text(f"{text}, and was healthy {done.took_s:.1f} s after you asked", "green"))


def _describe_well(facts: SiteFacts) -> str:
    days = [left for disk in facts.disks if (left := days_left(disk)) is not None]
    text = f"{len(facts.processes)} processes run, for {(facts.up_for_s or 0.0) / 3600:,.1f} hours"
    return f"{text}; space lasts {min(days):,.0f} days at the last day's rate" if days else text
