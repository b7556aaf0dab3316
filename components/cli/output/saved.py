"""What saved searches print."""

from typing import Any

from rich.text import Text

from components.audit.moment import format_time
from components.audit.saved import SavedSearch, SavedSearches
from components.cli.output.console import make_console, make_look, show_time
from components.cli.output.terminal import show_text


def describe_saved(saved: SavedSearches) -> dict[str, Any]:
    """Describe saved searches for JSON."""
    return {"access": saved.access_id, "searches": [_describe(each) for each in saved.searches]}


def print_saved(saved: SavedSearches) -> None:
    """Print saved searches: name, who saved it and when, and the query."""
    console = make_console()
    for each in saved.searches:
        about = f"{show_time(each.at_ns)}  {show_text(each.by)}"
        console.print(Text.assemble((each.name, "bold"), (f"  {about}", "dim")))
        console.print(Text(f"    {show_text(each.query)}"))
    console.print(make_look(saved.access_id, f"{len(saved.searches):,} saved searches."))


def _describe(search: SavedSearch) -> dict[str, Any]:
    return {
        "name": search.name,
        "query": search.query,
        "by": search.by,
        "at": format_time(search.at_ns),
        "record": search.record,
    }
