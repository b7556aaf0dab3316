"""The orders of a log as an auditor sees them, and what its holds cover now."""

from dataclasses import dataclass
from enum import StrEnum

from components.archive.opener import RecordOpener
from components.archive.orders.contents import has_begun
from components.archive.orders.ledger import Ledger, make_hold
from components.archive.orders.order import Order, OrderAct
from components.archive.record import OrderDetails, RecordKind, parse_record
from components.archive.record_header import RecordError
from components.audit.index.index import Index
from components.audit.query.compile import compile_query
from components.audit.query.parser import parse_query
from components.audit.query.tree import And, Node
from policy.destruction import Hold


class OrderState(StrEnum):
    """The state of an order.

    A hold is in force until another order releases it. An order that destroys is unfinished until tombstones are
    recorded for it.
    """

    IN_FORCE = "in force"
    RELEASED = "released"
    CARRIED_OUT = "carried out"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order of a log, its record's index, and its details (None if they cannot be read)."""

    index: int
    order: Order
    details: OrderDetails | None
    state: OrderState


async def fetch_orders(log: RecordOpener) -> list[OrderView]:
    """Return all orders of a log, in its order; raises NoKeyError and LogError."""
    ledger = Ledger()
    await ledger.catch_up(log.reader.source)
    in_force = {hold.id for hold in ledger.holds()}
    views = []
    for recorded in ledger.orders.values():
        details = await _fetch_details(log, recorded.index + 1)
        state = OrderState.CARRIED_OUT
        if recorded.order.act is OrderAct.HOLD:
            state = OrderState.IN_FORCE if recorded.order.id in in_force else OrderState.RELEASED
        elif recorded.order.act.destroys and not await has_begun(log.reader.source, recorded.order):
            state = OrderState.UNFINISHED
        views.append(OrderView(recorded.index, recorded.order, details, state))
    return views


def evaluate_holds(views: list[OrderView], index: Index, now_ns: int) -> list[Hold]:
    """Return the holds in force with everything that they hold now: the records that they name, and later matches.

    `index` must be up to date with the log. A hold whose details cannot be read holds only what it names.
    """
    holds = []
    for view in views:
        if view.state is not OrderState.IN_FORCE:
            continue
        hold = make_hold(view.order)
        node = hold_query(view.details, now_ns) if view.details else None
        if node is not None:
            segments = hold.segments.union(index.find_segments(compile_query(node)))
            hold = Hold(hold.id, segments, hold.indexes, hold.conversations)
        holds.append(hold)
    return holds


def hold_query(details: OrderDetails, now_ns: int) -> Node | None:
    """Return the query for the records of a hold; None for a hold on single records. Raises QueryError."""
    nodes = [parse_query(details.query, now_ns)] if details.query else []
    if details.custodian:
        nodes.append(parse_query(f'with:"{details.custodian}"', now_ns))
    if len(nodes) > 1:
        return And(tuple(nodes))
    return nodes[0] if nodes else None


async def _fetch_details(log: RecordOpener, index: int) -> OrderDetails | None:
    for opened in await log.fetch(index, 1):
        try:
            record = parse_record(RecordKind.ORDER_DETAILS, opened.payload or b"")
        except RecordError:
            return None
        return record if isinstance(record, OrderDetails) else None
    return None
