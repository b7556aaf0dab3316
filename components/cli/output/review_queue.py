"""What the commands for queues of reviews print (docs/review.md, section 7)."""

from collections.abc import Mapping, Sequence
from typing import Any

from components.audit.moment import format_time
from components.audit.review.desk import count_queues
from components.audit.review.items import QueueItem
from components.audit.review.names import HiddenNames, queue_of
from components.audit.review.show import Nameless
from components.cli.output.terminal import show_text
from policy.supervision.item import ItemState, Step
from policy.supervision.report import Report, Row

_NS_PER_S = 1_000_000_000
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def format_span(seconds: float) -> str:
    """Return a time span in its largest unit, such as `3 d` or `12 min`."""
    for size_s, name in _UNITS:
        if seconds >= size_s:
            return f"{seconds / size_s:.0f} {name}"
    return f"{seconds:.0f} s"


def format_due(item: QueueItem, now_ns: int) -> str:
    """Return how long an item still has, or since when it is overdue."""
    if item.status.state is ItemState.CLOSED:
        return f"{item.status.disposition} by {item.status.closed_by}"
    left_s = (item.due_ns - now_ns) / _NS_PER_S
    return f"due in {format_span(left_s)}" if left_s >= 0 else f"OVERDUE by {format_span(-left_s)}"


def describe_item(item: QueueItem, now_ns: int, names: HiddenNames) -> dict[str, Any]:
    """Describe an item for JSON; where its names are hidden, by pseudonyms."""
    flagged, status = item.flagged, item.status
    shown = (flagged.sender, flagged.to)
    sender, to = (names.show(queue_of(flagged.rules), jid) for jid in shown) if item.hides_names else shown
    return {
        "item": item.id,
        "flagged_at": format_time(flagged.at_ns),
        "from": sender,
        "to": to,
        "rules": list(flagged.rules),
        "verdict": flagged.verdict,
        "queues": list(item.queues),
        "state": status.state.value,
        "holder": status.holder,
        "disposition": status.disposition,
        "due": format_time(item.due_ns),
        "overdue": item.is_overdue(now_ns),
        "viewed_by": sorted({view.by for view in item.views}),
        "names_hidden": item.hides_names,
    }


def describe_items(found: tuple[Sequence[QueueItem], str], now_ns: int, names: HiddenNames) -> dict[str, Any]:
    """Describe items, and how many each queue has, for JSON."""
    items, access_id = found
    return {
        "items": [describe_item(item, now_ns, names) for item in items],
        "queues": count_queues(items, now_ns),
        "access": access_id,
    }


def print_items(found: tuple[Sequence[QueueItem], str], now_ns: int, names: HiddenNames, limit: int) -> None:
    """Print a line for each item, the oldest first; below 80 columns where ids and names are short."""
    items, access_id = found
    for item in items[:limit]:
        print_item(item, item.id, now_ns, names)
    if len(items) > limit:
        print(f"… {len(items) - limit:,} more (--limit)")
    print(f"{len(items):,} {'item' if len(items) == 1 else 'items'}. This look is record {access_id}.")


def print_item(item: QueueItem, id_: str, now_ns: int, names: HiddenNames) -> None:
    """Print two lines about an item, which is known by this id."""
    described = describe_item(item, now_ns, names)
    holder = f" {item.status.holder}" if item.status.holder else ""
    print(f"{id_} {item.status.state}{holder}, {format_due(item, now_ns)}")
    parties = f"{show_text(described['from'])} to {show_text(described['to'])}"
    print(f"    {described['flagged_at'][:16]}Z {parties} ({', '.join(item.queues)})")


def print_queues(found: tuple[Sequence[QueueItem], str], now_ns: int) -> None:
    """Print how many items each queue has."""
    items, access_id = found
    print_counts(count_queues(items, now_ns))
    print(f"{len(items):,} {'item' if len(items) == 1 else 'items'}. This look is record {access_id}.")


def print_counts(counts: Mapping[str, Mapping[str, int]]) -> None:
    """Print a table of queues by their names, with how many items each has in which state."""
    width = max((len(name) for name in counts), default=5)
    print(f"{'queue':{width}}  {'open':>6} {'claimed':>7} {'escal.':>6} {'closed':>6} {'overdue':>7}")
    for name, count in counts.items():
        cells = (f"{count[state]:>{size}}" for state, size in zip(ItemState, (6, 7, 6, 6), strict=True))
        print(f"{show_text(name):{width}}  {' '.join(cells)} {count['overdue']:>7}")


def describe_step(step: Step) -> dict[str, Any]:
    """Describe an act on an item for JSON."""
    entry = step.entry
    fields = ("queue", "to", "disposition", "note")
    return {
        "record": entry.record,
        "at": format_time(entry.at_ns),
        "act": entry.act.kind.value,
        "by": entry.act.by,
        **{name: getattr(entry.act, name) for name in fields if getattr(entry.act, name)},
        "outcome": entry.outcome.value if entry.outcome else None,
        "counts": not step.problem,
        "problem": step.problem or None,
    }


def describe_history(item: QueueItem, now_ns: int, names: HiddenNames, access_id: str) -> dict[str, Any]:
    """Describe an item with all acts on it, and who opened it, for JSON."""
    views = [{"by": view.by, "at": format_time(view.at_ns)} for view in item.views]
    steps = [describe_step(step) for step in item.status.steps]
    return {**describe_item(item, now_ns, names), "acts": steps, "views": views, "access": access_id}


def print_history(described: Mapping[str, Any]) -> None:
    """Print what was done with an item, in the order in which it was recorded."""
    print(f"{described['item']} {described['state']}, flagged {described['flagged_at'][:19]}Z")
    done = [(act["at"], _format_act(act)) for act in described["acts"]]
    done += [(view["at"], f"opened by {show_text(view['by'])}") for view in described["views"]]
    for at, line in sorted(done, key=lambda each: str(each[0])):
        print(f"    {at[:19]}Z {line}")
    print(f"This look is record {described['access']}.")


def _format_act(act: Mapping[str, Any]) -> str:
    more = [str(act[name]) for name in ("queue", "to", "disposition", "outcome") if act.get(name)]
    note = f": {show_text(act['note'])}" if act.get("note") else ""
    line = f"{' '.join([act['act'], *more])} by {show_text(act['by'])}{note}"
    return line if act["counts"] else f"{line} [COUNTS FOR NOTHING: {show_text(act['problem'])}]"


def describe_report(report: Report) -> dict[str, Any]:
    """Describe the evidence of review for JSON; times in seconds, shares from 0 to 1."""
    return {
        "after": format_time(report.after_ns),
        "before": format_time(report.before_ns),
        "total": _describe_row(report.total),
        "rules": [_describe_row(row) for row in report.rules],
        "reviewers": [_describe_row(row) for row in report.reviewers],
        "invalid_acts": report.invalid,
    }


def _describe_row(row: Row) -> dict[str, Any]:
    counted = ("name", "flagged", "viewed", "reviewed", "escalated", "overdue", "late", "dispositions")
    rates = ("median_s", "hit_rate", "false_positive_rate")
    return {name: getattr(row, name) for name in (*counted, *rates)}


def print_report(report: Report) -> None:
    """Print the evidence of review as a table for each of: rules, reviewers."""
    print(f"Flagged from {format_time(report.after_ns)[:19]}Z up to {format_time(report.before_ns)[:19]}Z")
    for title, rows in (("rule", (*report.rules, report.total)), ("reviewer", report.reviewers)):
        width = max(len(title), *(len(row.name) for row in rows)) if rows else len(title)
        print(f"{title:{width}} {'flagged':>7} {'viewed':>6} {'reviewed':>8} {'median':>7} {'hits':>5} "
              f"{'false':>5} {'escal.':>6} {'overdue':>7}")  # fmt: skip
        for row in rows:
            took = "-" if row.median_s is None else format_span(row.median_s)
            shares = (f"{_percent(share):>5}" for share in (row.hit_rate, row.false_positive_rate))
            print(f"{show_text(row.name):{width}} {row.flagged:>7} {row.viewed:>6} {row.reviewed:>8} {took:>7} "
                  f"{' '.join(shares)} {row.escalated:>6} {row.overdue:>7}")  # fmt: skip
    if report.invalid:
        print(f"{report.invalid} acts count for nothing: `steelyard review history ITEM` says why")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def describe_nameless(shown: Nameless) -> dict[str, Any]:
    """Describe an item without names for JSON."""
    return {
        "item": shown.item,
        "at": format_time(shown.at_ns),
        "from": shown.sender,
        "to": shown.to,
        "rules": list(shown.rules),
        "text": shown.text,
        "names_hidden": True,
        "access": shown.access_id,
    }


def print_nameless(shown: Nameless) -> None:
    """Print an item without names, and how to see them."""
    print(
        f"{shown.item} {format_time(shown.at_ns)[:19]}Z {shown.sender} to {shown.to} ({', '.join(shown.rules)})"
    )
    print("\n".join(f"    {show_text(line)}" for line in shown.text.split("\n")))
    print(f"Names are hidden: --reason shows them, and is recorded. This look is record {shown.access_id}.")
