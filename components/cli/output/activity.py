"""What `steelyard audit activity` prints (docs/auditor.md)."""

from typing import Any

from rich.text import Text

from components.audit.activity import Activity, ActivityReport, ActKind
from components.audit.moment import format_time
from components.cli.output.console import make_console, make_look, make_table, show_time
from components.cli.output.terminal import show_text


def describe_activity(report: ActivityReport) -> dict[str, Any]:
    """Describe what auditors did for JSON."""
    return {
        "auditors": [_describe(each) for each in report.activities],
        "unread": list(report.unread),
        "access": report.access_id,
    }


def print_activity(report: ActivityReport) -> None:
    """Print what auditors did: a line for each day, then what is out of the ordinary."""
    console = make_console()
    for each in report.activities:
        console.print(Text(show_text(each.actor), style="bold"))
        table = make_table("day", *ActKind)
        for day, counts in each.by_day.items():
            table.add_row(day, *(f"{counts[kind]:,}" for kind in ActKind))
        console.print(table)
        of_matters = f" ({', '.join(sorted(each.matters))})" if each.matters else ""
        console.print(Text(show_text(f"{each.in_matters:,} of {each.looks:,} for a matter{of_matters}")))
        for unusual in each.unusual:
            access = unusual.look.access
            head = f"{unusual.look.id} {show_time(access.at_ns)} {access.act}"
            console.print(Text(show_text(head), style="yellow"))
            for reason in unusual.reasons:
                console.print(Text("    " + show_text(reason)))
            if access.query:
                console.print(Text("    " + show_text(access.query)))
        console.print()
    if report.unread:
        named = ", ".join(report.unread[:10]) + (" ..." if len(report.unread) > 10 else "")
        why = "destroyed, sealed to other keys, or a log is missing"
        told = f"{len(report.unread):,} cannot be read here ({why}): {named}"
        console.print(Text(show_text(told), style="yellow"))
    count = len(report.activities)
    console.print(make_look(report.access_id, f"{count:,} {'auditor' if count == 1 else 'auditors'}."))


def _describe(activity: Activity) -> dict[str, Any]:
    return {
        "actor": activity.actor,
        "totals": {str(kind): activity.totals[kind] for kind in ActKind},
        "days": {
            day: {str(kind): counts[kind] for kind in ActKind} for day, counts in activity.by_day.items()
        },
        "looks": activity.looks,
        "in_matters": activity.in_matters,
        "matters": sorted(activity.matters),
        "unusual": [
            {
                "id": each.look.id,
                "at": format_time(each.look.access.at_ns),
                "act": each.look.access.act,
                "query": each.look.access.query,
                "matter": each.look.access.matter or None,
                "reasons": list(each.reasons),
            }
            for each in activity.unusual
        ],
    }
