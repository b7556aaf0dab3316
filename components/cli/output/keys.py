"""What the commands for keys print (docs/keys.md)."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from components.cli.output.console import make_console, make_table
from components.cli.output.paths import relative
from components.site.keys import KeyState


def describe_states(states: Sequence[KeyState]) -> dict[str, Any]:
    """Describe the state of each key for JSON."""
    return {"keys": [asdict(each) | {"public": str(each.public)} for each in states]}


def print_states(states: Sequence[KeyState]) -> None:
    """Print the state of each key as a table."""
    table = make_table()
    for title in ("key", "of a", "id", "private half", "waiting", "earlier"):
        table.add_column(title, overflow="fold")
    for each in states:
        waiting = "a new one" if each.waiting else ""
        table.add_row(each.name, each.role, each.key_id or "", _place(each), waiting, str(each.earlier or ""))
    make_console().print(table)


def _place(state: KeyState) -> str:
    if not state.is_here:
        return "not here" if state.key_id else "not made yet"
    return relative(Path(state.place)) if state.place.startswith("/") else state.place
