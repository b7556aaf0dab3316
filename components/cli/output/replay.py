"""What a replay of a proposed policy prints."""

from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from components.audit.checks.replay import FLAGGED, ChangedRecord, Replay, Ruling
from components.audit.moment import format_time
from components.cli.output.console import make_console, make_look, make_table, show_time
from components.cli.output.terminal import show_text

_WORDS = {"release": "released", FLAGGED: "flagged", "amend": "amended", "hold": "held", "refuse": "refused"}
_STYLES = {"release": "green", FLAGGED: "cyan", "amend": "yellow", "hold": "magenta", "refuse": "bold red"}


def describe_replay(found: Replay) -> dict[str, Any]:
    """Describe a replay for JSON, without anything that people said."""
    return {
        "digest": found.digest,
        "log_size": found.log_size,
        "decided": found.decided,
        "unreadable": found.unreadable,
        "changed": found.changed,
        "verdicts": [
            {"was": was, "would_be": would_be, "records": count}
            for (was, would_be), count in sorted(found.verdicts.items())
        ],
        "rules": {rule: asdict(count) for rule, count in sorted(found.rules.items())},
        "access": found.access_id,
        "changes": [_describe_change(change) for change in found.changes],
    }


def print_replay(found: Replay) -> None:
    """Print what would change: records, then rules, then verdicts."""
    console = make_console()
    if found.changes:
        console.print(_changes(found))
    if found.rules:
        console.print(_rules(found))
    for (was, would_be), count in sorted(found.verdicts.items()):
        if was != would_be:
            console.print(Text.assemble(f"{count:,} ", _word(was), " would be ", _word(would_be)))
    shown = len(found.changes)
    newest = f"; above are the newest {shown:,}" if shown < found.changed else ""
    text = f"{found.changed:,} of {found.decided:,} stanzas would have been decided differently{newest}."
    console.print(make_look(found.access_id, text))
    if found.unreadable:
        console.print(Text(f"{found.unreadable:,} records could not be read.", style="yellow"))


def _changes(found: Replay) -> Table:
    table = make_table("record", "when", "from → to", "was", "would be")
    for change in found.changes:
        parties = f"{show_text(change.sender)} → {show_text(change.to)}"
        table.add_row(
            change.id, show_time(change.at_ns), parties, _ruling(change.was), _ruling(change.would_be)
        )
    return table


def _rules(found: Replay) -> Table:
    table = make_table("rule", "action")
    for name in ("as before", "newly", "no longer"):
        table.add_column(name, justify="right")
    for rule, count in sorted(found.rules.items()):
        numbers = (f"{each:,}" for each in (count.as_before, count.newly, count.no_longer))
        table.add_row(show_text(rule), count.action or "(gone)", *numbers)
    return table


def _ruling(outcome: Ruling) -> Text:
    rules = f" ({', '.join(map(show_text, outcome.rules))})" if outcome.rules else ""
    return Text.assemble(_word(outcome.verdict), rules)


def _word(verdict: str) -> Text:
    return Text(_WORDS.get(verdict, show_text(verdict)), style=_STYLES.get(verdict, ""))


def _describe_change(change: ChangedRecord) -> dict[str, Any]:
    return {
        "id": change.id,
        "at": format_time(change.at_ns),
        "at_ns": change.at_ns,
        "from": change.sender,
        "to": change.to,
        "was": {"verdict": change.was.verdict, "rules": change.was.rules},
        "would_be": {"verdict": change.would_be.verdict, "rules": change.would_be.rules},
    }
