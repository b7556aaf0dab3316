"""What a reconciliation prints."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.text import Text

from components.audit.checks.reconcile import EpochReport, Reconciliation
from components.cli.output.console import make_console, make_look, show_time
from components.cli.output.terminal import show_text
from components.link.sequence import Range

_RANGES_SHOWN = 20
_ALARMS_SHOWN = 20


def describe_reconciliation(result: Reconciliation, log_name: str) -> dict[str, Any]:
    """Describe a reconciliation for JSON; each range is a list of its first and last number."""
    return {
        "ok": not result.findings,
        "log_size": result.log_size,
        "records_missing": _pairs(result.records_missing),
        "payloads_missing": _pairs(result.payloads_missing),
        "unreadable": _pairs(result.unreadable),
        "destroyed": result.destroyed,
        "epochs": [_describe_epoch(epoch) for epoch in result.epochs],
        "alarms": [
            {
                "id": f"{log_name}/{raised.index}",
                "alarm": raised.alarm.name,
                "at_ns": raised.alarm.at_ns,
                "details": dict(raised.alarm.details),
            }
            for raised in result.alarms
        ],
        "access": result.access_id,
    }


def print_reconciliation(result: Reconciliation, log_name: str) -> None:
    """Print the inconsistencies, then a line for each epoch, the newest alarms and the result."""
    console = make_console()
    for line in _lines(result, log_name):
        console.print(line)
    console.print(make_look(result.access_id))


def _lines(result: Reconciliation, log_name: str) -> Iterator[Text]:
    yield from _faults(
        f"{log_name}: records",
        ("missing", result.records_missing),
        ("missing except for their leaves, and destroyed by no order", result.payloads_missing),
        ("unreadable", result.unreadable),
    )
    for epoch in result.epochs:
        yield from _problems(epoch)
        style = "red" if epoch.findings else "green"
        yield Text(f"epoch {show_text(epoch.epoch)}: {_summary(epoch)}", style=style)
    for raised in result.alarms[-_ALARMS_SHOWN:]:
        details = ", ".join(f"{name} {value}" for name, value in raised.alarm.details)
        text = f"{log_name}/{raised.index}  {show_time(raised.alarm.at_ns)}  alarm {raised.alarm.name}: {details}"
        yield Text(show_text(text), style="yellow")
    outcome = f"{result.findings:,} findings" if result.findings else "every number is accounted for"
    style = "red" if result.findings else "green"
    yield Text(f"{log_name}: {result.log_size:,} records, {outcome}", style=style)


def _describe_epoch(epoch: EpochReport) -> dict[str, Any]:
    ranges = {
        "missing": epoch.missing,
        "unsure": epoch.unsure,
        "repeated": epoch.repeated,
        "misplaced": epoch.misplaced,
    }
    return asdict(epoch) | {name: _pairs(found) for name, found in ranges.items()}


def _problems(epoch: EpochReport) -> Iterator[Text]:
    name = show_text(epoch.epoch)
    yield from _faults(
        f"epoch {name}: numbers that",
        ("are in no record", epoch.missing),
        ("are recorded again", epoch.repeated),
        ("are recorded after higher ones", epoch.misplaced),
    )
    if epoch.unsure:
        text = f"epoch {name}: numbers about which nothing is known any more: {_listed(epoch.unsure)}"
        yield Text(text, style="yellow")


def _faults(what: str, *titled: tuple[str, Sequence[Range]]) -> Iterator[Text]:
    for title, ranges in titled:
        if ranges:
            yield Text(f"{what} {title}: {_listed(ranges)}", style="bold red")


def _summary(epoch: EpochReport) -> str:
    open_ = max(0, epoch.last - epoch.through)
    parts = [f"{epoch.submissions:,} submissions", f"numbers up to {epoch.last:,}"]
    parts.append(f"carried out up to {epoch.through:,}")
    if epoch.bounced:
        parts.append(f"{epoch.bounced:,} bounced")
    if open_:
        parts.append(f"{open_:,} not known to be carried out")
    if epoch.unknown:
        parts.append(f"{epoch.unknown:,} of them released stanzas: delivery unknown")
    return ", ".join(parts)


def _pairs(ranges: Iterable[Range]) -> list[list[int]]:
    return [list(each) for each in ranges]


def _listed(ranges: Iterable[Range]) -> str:
    listed = [f"{first:,}" if first == last else f"{first:,} to {last:,}" for first, last in ranges]
    more = f" and {len(listed) - _RANGES_SHOWN:,} more ranges" if len(listed) > _RANGES_SHOWN else ""
    return "; ".join(listed[:_RANGES_SHOWN]) + more
