"""What the history of looks prints."""

from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from components.audit.history import History, Look
from components.audit.moment import format_time
from components.cli.output.asked import describe_looked
from components.cli.output.console import make_console, make_look, show_time
from components.cli.output.terminal import show_text


def describe_look(look: Look) -> dict[str, Any]:
    """Describe a look for JSON."""
    return {"id": look.id, "at": format_time(look.access.at_ns), **asdict(look.access)}


def describe_history(history: History) -> dict[str, Any]:
    """Describe a page of looks for JSON."""
    return {
        **describe_looked(history),
        "next_before": history.next_before,
        "looks": [describe_look(look) for look in history.looks],
    }


def print_history(history: History) -> None:
    """Print looks, the oldest first: when, who, what and how many records; then the query."""
    console = make_console()
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for look in history.looks:
        access = look.access
        about = f"{access.actor}  {access.act}  {access.result_count:,} records"
        table.add_row(Text(show_time(access.at_ns)), Text(show_text(about), style="cyan"))
        table.add_row(Text(look.id, style="bold"), Text(show_text(access.query)))
        for name, value in (("matter", access.matter), ("reason", access.reason)):
            if value:
                table.add_row("", Text(f"{name}: {show_text(value)}", style="dim"))
    if history.looks:
        console.print(table)
    more = f" The page before: --before {history.next_before}" if history.next_before else ""
    console.print(make_look(history.access_id, f"{history.matched:,} looks match.{more}"))
