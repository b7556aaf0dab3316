"""What a comparison of several sites' archives prints."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from rich.text import Text

from components.audit.sites.letters import FINDINGS, Difference, Verdict
from components.audit.sites.reconcile import Direction, Reconciled
from components.cli.output.console import make_console, make_look
from components.cli.output.terminal import show_text

_SHOWN = 20
_MEANINGS = {
    Verdict.LOST: "sent, and in no record there",
    Verdict.UNSENT: "received, and sent by nobody there",
    Verdict.DIFFERENT: "not received as sent",
    Verdict.TWICE: "received twice",
    Verdict.RETURNED_TOO: "given back to the sender, and carried out there",
    Verdict.ON_ITS_WAY: "on the way",
    Verdict.UNKNOWN: "let go just before a server ended: nobody knows whether it went out",
    Verdict.DESTROYED: "not to be told any more: the record of the other site was destroyed",
}


def describe_reconciled(found: Reconciled) -> dict[str, Any]:
    """Describe a comparison for JSON."""
    return {
        "ok": found.ok,
        "not_read": [{"site": each.name, "reason": each.reason} for each in found.faults],
        "sites": [
            {
                "site": each.name,
                "log_size": each.log_size,
                "unreadable": each.unreadable,
                "behind": each.behind or None,
                "access": each.access_id,
            }
            for each in found.sites
        ],
        "directions": [_describe_direction(found, each) for each in found.directions],
    }


def print_reconciled(found: Reconciled) -> None:
    """Print what does not agree, a line for each direction, and which sites were not read."""
    console = make_console()
    for direction in found.directions:
        for line in _tell_direction(found, direction):
            console.print(line)
    for site in found.sites:
        text = f"{site.name}: {site.log_size:,} records of {site.log_name} were read."
        console.print(make_look(site.access_id, show_text(text)))
        if site.unreadable:
            text = f"{site.name}: {site.unreadable:,} records cannot be read: run `steelyard audit reconcile` there"
            console.print(Text(show_text(text), style="bold red"))
        if site.behind:
            text = f"{site.name} may have more than was compared: {site.behind}"
            console.print(Text(show_text(text), style="bold red"))
    for fault in found.faults:
        console.print(Text(show_text(f"{fault.name} was NOT read: {fault.reason}"), style="bold red"))


def _describe_direction(found: Reconciled, direction: Direction) -> dict[str, Any]:
    compared = direction.compared
    return {
        "from": direction.sender,
        "to": direction.recipient,
        "sent": compared.sent,
        "arrived": compared.arrived,
        "returned": compared.returned,
        "relayed": compared.relayed,
        "made": compared.made,
        "findings": compared.findings,
        "differences": [
            {"what": each.verdict, "sent": _name(sent, each.sent), "received": _name(received, each.received)}
            for sent, received in [(found.log_of(direction.sender), found.log_of(direction.recipient))]
            for each in compared.differences
        ],
    }


def _name(log: str, number: int | None) -> str | None:
    return None if number is None else f"{log}/{number}"


def _tell_direction(found: Reconciled, direction: Direction) -> Iterator[Text]:
    compared = direction.compared
    for verdict, some in groupby(compared.differences, lambda each: each.verdict):
        listed = [_tell(found, direction, each) for each in some]
        more = f" and {len(listed) - _SHOWN:,} more" if len(listed) > _SHOWN else ""
        style = "bold red" if verdict in FINDINGS else "yellow"
        yield Text(show_text(f"{_MEANINGS[verdict]}: {'; '.join(listed[:_SHOWN])}{more}"), style=style)
    figures = [
        f"{compared.sent:,} sent",
        f"{compared.arrived:,} arrived",
        f"{compared.returned:,} given back",
    ]
    if compared.relayed:
        figures.append(f"{compared.relayed:,} from rooms")
    if compared.made:
        figures.append(f"{compared.made:,} made by the server")
    outcome = f"{compared.findings:,} findings" if compared.findings else "both archives agree"
    text = f"{direction.sender} → {direction.recipient}: {', '.join(figures)}: {outcome}"
    yield Text(show_text(text), style="red" if compared.findings else "green")


def _tell(found: Reconciled, direction: Direction, each: Difference) -> str:
    sent = _name(found.log_of(direction.sender), each.sent)
    received = _name(found.log_of(direction.recipient), each.received)
    return " and ".join(name for name in (sent, received) if name)
