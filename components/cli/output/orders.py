"""What the commands for orders print (docs/retention.md)."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.archive.orders.order import Order, OrderAct
from components.archive.orders.request import OrderAnswer
from components.archive.record import OrderDetails
from components.audit.moment import format_time
from components.audit.orders.file import OrderFile
from components.audit.orders.orders import OrderView
from components.audit.orders.plan import DueSegment, ExpiryPlan
from components.audit.orders.propose import Proposal
from components.cli.output.terminal import show_text
from policy.retention import RetentionPolicy

_SHOWN_NUMBERS = 12


def _describe_order(order: Order, details: OrderDetails | None) -> dict[str, Any]:
    """Describe an order; values from its details are null if these cannot be read."""
    return {
        "id": order.id,
        "act": str(order.act),
        "log": order.log,
        "segments": list(order.segments),
        "records": list(order.indexes),
        "conversations": len(order.conversations),
        "hold": order.hold or None,
        "considered": list(order.considered),
        "matter": details.matter if details else None,
        "custodian": details.custodian if details else None,
        "query": details.query if details else None,
        "reason": details.reason if details else None,
    }


def describe_file(file: OrderFile, path: Path) -> dict[str, Any]:
    """Describe an order's file."""
    return {"file": str(path), **_describe_order(file.order, file.details), "signed_by": list(file.signed_by)}


def describe_orders(views: Sequence[OrderView], access_id: str) -> dict[str, Any]:
    """Describe all orders of a log."""
    orders = [
        {"record": view.index, "state": str(view.state), **_describe_order(view.order, view.details)}
        for view in views
    ]
    return {"orders": orders, "access": access_id}


def describe_plan(plan: ExpiryPlan, policy: RetentionPolicy, access_id: str) -> dict[str, Any]:
    """Describe the segments that are due to expire."""
    segments = [
        {
            "segment": each.facts.number,
            "class": _class_name(policy, each.facts.retention_class),
            "newest": format_time(each.facts.newest_ns),
            "records": each.records,
            "holds": list(each.holds),
        }
        for each in plan.due
    ]
    return {"due": segments, "considered": list(plan.considered), "access": access_id}


def describe_answer(answer: OrderAnswer | None, file: OrderFile) -> dict[str, Any]:
    """Describe the result of an order that was given to the writer."""
    state = "waiting" if answer is None else "carried out" if answer.ok else "refused"
    return {
        "id": file.order.id,
        "act": str(file.order.act),
        "state": state,
        "record": answer.order if answer else None,
        "reasons": list(answer.lines) if answer else [],
    }


def describe_proposals(written: Mapping[Path, Proposal]) -> dict[str, Any]:
    """Describe newly proposed orders, by their files."""
    described = [
        {
            "file": str(path),
            **_describe_order(each.order, each.details),
            "signed_by": [],
            "access": each.access_id,
        }
        for path, each in written.items()
    ]
    return {"orders": described}


def print_proposals(written: Mapping[Path, Proposal]) -> None:
    """Print newly proposed orders, and who must act next."""
    for path, each in written.items():
        print("\n".join(_format_order(each.order, each.details)))
        print(f"{path} needs two approvers: steelyard archive approve {path} --key KEY")


def print_file(file: OrderFile) -> None:
    """Print what an order says, and who has signed it."""
    print("\n".join(_format_order(file.order, file.details)))
    print(f"Signed by {', '.join(file.signed_by) or 'nobody yet'}.")


def print_answer(answer: OrderAnswer | None, file: OrderFile, log_name: str) -> None:
    """Print the result of an order that was given to the writer; the reasons of a refusal go to standard error."""
    id_ = file.order.id
    if answer is None:
        print(
            f"{id_} is not carried out yet: the log's writer, or a long read of the log, delays it; run this again"
        )
    elif answer.ok:
        print(f"{id_} is carried out; it is record {log_name}/{answer.order}")
    else:
        for line in answer.lines:
            print(f"refused: {line}", file=sys.stderr)


def print_orders(views: Sequence[OrderView], log_name: str, access_id: str) -> None:
    """Print all orders of a log, and the state of each."""
    for view in views:
        first, *others = _format_order(view.order, view.details)
        print("\n".join([f"{log_name}/{view.index} {first}: {view.state}", *others]))
    print(f"{len(views):,} {'order' if len(views) == 1 else 'orders'}. This look is record {access_id}.")


def print_plan(plan: ExpiryPlan, policy: RetentionPolicy, access_id: str) -> None:
    """Print the segments that are due to expire, and those of them that holds keep."""
    print("\n".join(_format_plan(plan, policy)))
    print(f"This look is record {access_id}.")


def _format_order(order: Order, details: OrderDetails | None) -> list[str]:
    """Return a few lines that say what an approver is asked to sign."""
    lines = [f"{order.act} {order.id} on {order.log}"]
    if details:
        for name in ("matter", "custodian", "query", "reason"):
            if value := getattr(details, name):
                lines.append(f"  {name}: {value}")
    if order.hold:
        lines.append(f"  ends hold {order.hold}")
    if order.segments:
        lines.append(f"  {_count(order.segments, 'segment')}: {_numbers(order.segments)}")
    if order.indexes:
        lines.append(f"  {_count(order.indexes, 'record')}: {_numbers(order.indexes)}")
    if order.conversations:
        lines.append(f"  {_count(order.conversations, 'conversation')}, with all future messages")
    if order.act.destroys:
        lines.append(f"  holds considered: {', '.join(order.considered) or 'none are in force'}")
    if order.act is OrderAct.HOLD and not (order.segments or order.indexes):
        lines.append("  no record matches yet")
    return [show_text(line) for line in lines]


def _format_plan(plan: ExpiryPlan, policy: RetentionPolicy) -> list[str]:
    """Return lines that say which segments are due, and which of them holds keep."""
    lines = []
    for name in sorted({_class_name(policy, each.facts.retention_class) for each in plan.due}):
        due = [each for each in plan.due if _class_name(policy, each.facts.retention_class) == name]
        lines.append(f"{name}: {_sum(due)} due to expire")
        held = [each for each in due if each.holds]
        if held:
            lines.append(f"  of these, {_sum(held)} kept, under holds:")
        for id_ in sorted({hold for each in held for hold in each.holds}):
            kept = [each for each in held if id_ in each.holds]
            lines.append(f"    {id_}: segments {_numbers([each.facts.number for each in kept])}")
        free = [each.facts.number for each in due if not each.holds]
        lines.append(f"  segments {_numbers(free)} would go" if free else "  nothing would go")
    lines = lines or ["nothing is due to expire"]
    return [*lines, f"holds considered: {', '.join(plan.considered) or 'none are in force'}"]


def _sum(segments: Sequence[DueSegment]) -> str:
    records = sum(each.records for each in segments)
    return f"{_count(segments, 'segment')} with {records:,} record" + ("" if records == 1 else "s")


def _count(found: Sequence[object], what: str) -> str:
    return f"{len(found):,} {what}" + ("" if len(found) == 1 else "s")


def _numbers(numbers: Sequence[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:_SHOWN_NUMBERS])
    more = len(numbers) - _SHOWN_NUMBERS
    return shown + (f" and {more:,} more, up to {numbers[-1]}" if more > 0 else "")


def _class_name(policy: RetentionPolicy, number: int) -> str:
    found = policy.by_number.get(number)
    return found.name if found else f"class {number}"
