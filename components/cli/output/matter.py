"""What the commands for matters print (docs/matters.md)."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.text import Text

from components.audit.matter.exhibits import Chronology, ChronologyEntry
from components.audit.matter.holds import HoldOfMatter, unheld_custodians
from components.audit.matter.looks import MatterDetail, SeenMatters
from components.audit.matter.values import Matter, SavedResult
from components.audit.moment import format_time
from components.cli.output.console import make_console, make_fields, make_look, make_table, show_time
from components.cli.output.record import describe_view
from components.cli.output.sites import describe_faults
from components.cli.output.terminal import show_text


def describe_matter(matter: Matter) -> dict[str, Any]:
    """Describe a matter for JSON: times in nanoseconds, lists in the order of the acts."""
    enterprises = None if matter.enterprises is None else sorted(matter.enterprises)
    return asdict(matter) | {"enterprises": enterprises}


def describe_matters(seen: SeenMatters) -> dict[str, Any]:
    """Describe a list of matters."""
    return {"matters": [describe_matter(each) for each in seen.matters], "access": seen.access_id}


def describe_detail(detail: MatterDetail) -> dict[str, Any]:
    """Describe a matter with its holds."""
    holds = [
        {
            "hold": each.view.order.id,
            "log": each.log,
            "state": str(each.view.state),
            "custodian": each.custodian or None,
            "linked": each.is_linked,
        }
        for each in detail.holds
    ]
    unheld = unheld_custodians(detail.matter, detail.holds)
    refused = [
        {"record": each.deed.record, "by": each.deed.by, "act": str(each.deed.act), "why": each.why}
        for each in detail.refused
    ]
    described = describe_matter(detail.matter) | {"holds": holds, "custodians_without_hold": unheld}
    described |= {"counts_for_nothing": refused, "access": detail.access_id}
    if not (detail.elsewhere or detail.faults):
        return described
    without = {site: unheld_custodians(detail.matter, detail.holds, site) for site in detail.elsewhere}
    return described | {
        "custodians_without_hold_elsewhere": without,
        "not_asked": describe_faults(detail.faults),
    }


def describe_chronology(found: Chronology) -> dict[str, Any]:
    """Describe a chronology: each entry has its time, the exhibit or the note, and the exhibited record."""
    entries = [
        {
            "at": format_time(entry.at_ns),
            "at_ns": entry.at_ns,
            "exhibit": asdict(entry.exhibit) if entry.exhibit else None,
            "note": asdict(entry.note) if entry.note else None,
            "record": describe_view(entry.view) if entry.view else None,
        }
        for entry in found.entries
    ]
    return {
        "matter": found.matter.id,
        "title": found.matter.title,
        "entries": entries,
        "access": found.access_id,
        **({"not_read": describe_faults(found.faults)} if found.faults else {}),
    }


def print_matter(matter: Matter) -> None:
    """Print a matter, as it is after an act in it."""
    make_console().print(make_fields(dict(_head(matter))))


def print_matters(seen: SeenMatters) -> None:
    """Print the matters that an auditor works on."""
    console = make_console()
    table = make_table("matter", "state", "custodians", "exhibits", "title")
    for each in seen.matters:
        counts = str(len(each.custodians)), str(len(_valid(each)))
        table.add_row(each.id, _state(each), *counts, Text(show_text(each.title)))
    if seen.matters:
        console.print(table)
    text = f"{len(seen.matters):,} {'matter' if len(seen.matters) == 1 else 'matters'}."
    console.print(make_look(seen.access_id, text))


def print_detail(detail: MatterDetail) -> None:
    """Print a matter with all that is in it."""
    console = make_console()
    console.print(make_fields(dict(_head(detail.matter))))
    for title, lines in _sections(detail):
        if lines:
            console.print(Text(f"\n{title}", style="bold"))
            console.print(make_fields(dict(lines)))
    for jid in unheld_custodians(detail.matter, detail.holds):
        advice = f"steelyard archive hold --matter {detail.matter.id} --custodian {jid}"
        console.print(Text(show_text(f"No hold keeps what {jid} wrote: {advice}"), style="yellow"))
    for site in detail.elsewhere:
        for jid in unheld_custodians(detail.matter, detail.holds, site):
            line = f"No hold keeps what {site} has of {jid}: steelyard archive hold with --everywhere"
            console.print(Text(show_text(line), style="yellow"))
    for fault in detail.faults:
        console.print(Text(show_text(f"{fault.name} was NOT asked: {fault.reason}"), style="bold red"))
    console.print(make_look(detail.access_id))


def print_chronology(found: Chronology) -> None:
    """Print a chronology, the earliest entry first."""
    console = make_console()
    console.print(Text(show_text(f"{found.matter.id}: {found.matter.title}"), style="bold"))
    for entry in found.entries:
        console.print(Text(f"\n{show_time(entry.at_ns)} ", style="dim") + Text(show_text(_title(entry))))
        for line in _body(entry):
            console.print(Text("    " + show_text(line)))
    for fault in found.faults:
        line = f"exhibits of {fault.name} could NOT be read: {fault.reason}"
        console.print(Text(show_text(line), style="bold red"))
    text = f"\n{len(found.entries):,} entries; times are in UTC."
    console.print(make_look(found.access_id, text))


def _head(matter: Matter) -> Iterator[tuple[str, str]]:
    yield "matter", matter.id
    yield "title", matter.title
    yield "state", _state(matter)
    yield "opened", f"{show_time(matter.opened_at_ns)} by {matter.opened_by}"
    yield "people", ", ".join(matter.people)
    if matter.enterprises is not None:
        yield "enterprises", ", ".join(sorted(matter.enterprises))
    yield "custodians", ", ".join(each.jid for each in matter.custodians) or "(none)"
    counts = {"exhibits": _valid(matter), "notes": matter.notes, "saved results": matter.saved}
    yield "has", ", ".join(f"{len(each):,} {name}" for name, each in counts.items())


def _sections(detail: MatterDetail) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    matter = detail.matter
    exhibits = [
        (str(each.number), f"{each.record_id} {each.title or each.note}" + _withdrawn(each.withdrawn))
        for each in matter.exhibits
    ]
    yield "Exhibits", exhibits
    yield "Holds", [(each.view.order.id, _tell_hold(each)) for each in detail.holds]
    saved = [(each.search, f"{each.title or each.query}: {_tell_count(each)}") for each in matter.saved]
    yield "Saved results", saved
    notes = [(each.record, f"{each.by}: {each.text}") for each in matter.notes]
    yield "Notes", notes
    yield "Not signed", [(record, "made before auditors had keys") for record in matter.unsigned]
    refused = [
        (each.deed.record, f"{each.deed.act} by {each.deed.by}: {each.why}") for each in detail.refused
    ]
    yield "Counts for nothing", refused


def _tell_count(saved: SavedResult) -> str:
    """Return how much was found, and at which sites, if there are several."""
    if not saved.sites:
        return f"{saved.result_count:,} of {saved.log_size:,} entries"
    lines = [f"{saved.result_count:,}, each message once", *saved.sites.splitlines()]
    return "\n".join([*lines, *(f"NOT searched: {each}" for each in saved.not_searched.splitlines())])


def _tell_hold(hold: HoldOfMatter) -> str:
    of = f", {hold.custodian}" if hold.custodian else ""
    return f"{hold.view.state}, on {hold.log}{of}{', linked' if hold.is_linked else ''}"


def _withdrawn(reason: str) -> str:
    return f" (withdrawn: {reason})" if reason else ""


def _title(entry: ChronologyEntry) -> str:
    if entry.exhibit:
        named = f": {entry.exhibit.title}" if entry.exhibit.title else ""
        return f"exhibit {entry.exhibit.number} ({entry.exhibit.record_id}){named}"
    on = f" on exhibit {entry.note.exhibit}" if entry.note and entry.note.exhibit else ""
    return f"note{on} by {entry.note.by if entry.note else ''}"


def _body(entry: ChronologyEntry) -> Iterator[str]:
    if entry.note:
        yield from entry.note.text.splitlines()
    if entry.exhibit:
        if entry.view is None:
            yield "(the record cannot be read any more, or not with the keys here)"
        else:
            reading = entry.view.reading
            yield f"{reading.sender} to {reading.to}" if reading.to else reading.sender
            yield from reading.text.splitlines()
        if entry.exhibit.note:
            yield f"[{entry.exhibit.note}]"


def _valid(matter: Matter) -> list[object]:
    return [each for each in matter.exhibits if not each.withdrawn]


def _state(matter: Matter) -> str:
    return "open" if matter.is_open else "closed"
