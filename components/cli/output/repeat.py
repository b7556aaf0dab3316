"""What `steelyard audit replay` prints (docs/matters.md)."""

from dataclasses import asdict
from typing import Any

from rich.text import Text

from components.audit.repeat import Outcome, Repeated, RepeatedSearch
from components.cli.output.console import make_console, make_look, show_time
from components.cli.output.terminal import show_text

_STYLES = {Outcome.SAME: "green", Outcome.CHANGED: "bold red", Outcome.IMPOSSIBLE: "yellow"}


def describe_repeated(found: Repeated) -> dict[str, Any]:
    """Describe searches that were run again for JSON."""
    searches = [
        asdict(each.look.access)
        | {
            "id": each.look.id,
            "outcome": str(each.outcome),
            "count_now": each.result_count,
            "digest_now": each.result_digest or None,
            "reasons": list(each.reasons),
        }
        for each in found.searches
    ]
    return {"searches": searches, "access": found.access_id}


def print_repeated(found: Repeated) -> None:
    """Print searches that were run again, each with what came out."""
    console = make_console()
    for each in found.searches:
        console.print(_title(each))
        console.print(Text("    " + show_text(each.look.access.query)))
        for reason in each.reasons:
            console.print(Text("    " + show_text(reason)))
    same = found.count(Outcome.SAME)
    text = f"{same:,} of {len(found.searches):,} searches give the same result."
    console.print(make_look(found.access_id, text))


def _title(each: RepeatedSearch) -> Text:
    access = each.look.access
    head = f"{each.look.id} {show_time(access.at_ns)} {access.actor}, {access.result_count:,} found: "
    return Text(show_text(head)) + Text(str(each.outcome), style=_STYLES[each.outcome])
