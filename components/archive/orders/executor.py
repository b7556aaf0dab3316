"""Carries out orders, as the log's writer: records first, then destroys in pieces (docs/archive-format.md, 7)."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from components.archive.errors import LogUnavailable
from components.archive.log.note import VerifierKey
from components.archive.orders.contents import (
    SegmentContents,
    fetch_segment,
    has_begun,
    read_record_facts,
    read_segment,
)
from components.archive.orders.erasure import NewEnvelopes
from components.archive.orders.ledger import Ledger
from components.archive.orders.order import Order, OrderAct, OrderError, order_text, verify_order
from components.archive.orders.pieces import check_keys, find_targets, is_begun, is_finished, plan_pieces
from components.archive.orders.request import (
    OrderAnswer,
    OrderRequest,
    OrderRequestError,
    check_request,
    encode_answer,
    order_of,
    parse_request,
)
from components.archive.store import LogSource, RequestRow
from components.archive.writer import LogWriter
from policy.destruction import (
    Hold,
    Reason,
    RecordFacts,
    Refusal,
    Terms,
    consider_all,
    decide_erasure,
    decide_expiry,
    decide_release,
    decide_resumption,
)
from policy.retention import RetentionPolicy

# A person who asked for too much gets the reasons, but not all of them.
_MAX_REASONS = 100


@dataclass(frozen=True, slots=True)
class OrderOutcome:
    """The result of the order `id`."""

    id: str
    answer: OrderAnswer


class OrderExecutor:
    """Carries out orders on one log, as its writer; two of the keys `approvers` must have signed each.

    `source` reads the same log. Every order is durable before anything is destroyed, and what is destroyed is so in
    the transaction that records it. Killed at any point, the next executor finds what is left to do: an order whose
    payloads are still there, or a request without an answer.
    """

    def __init__(
        self,
        writer: LogWriter,
        source: LogSource,
        origin: str,
        policy: RetentionPolicy,
        approvers: Sequence[VerifierKey],
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._writer = writer
        self._source = source
        self._origin = origin
        self._approvers = tuple(approvers)
        self._policy = policy
        self._clock_ns = clock_ns
        self._ledger = Ledger()
        self._resumed = False
        self._purge_due = False
        # Something was answered, and what was asked may lie in the store's files.
        self._answered = False
        # Carried out, with something still in the way of purging.
        self._unanswered: dict[str, OrderAnswer] = {}

    async def serve(self) -> list[OrderOutcome]:
        """Carry out what an earlier writer left, then every waiting request; return the results.

        Raises LogUnavailable, after which it may be called again, LogDamaged and LogFenced.
        """
        rows = await self._source.fetch_requests()
        # What has a colon in its id is no order, but for another part of the writer's process.
        waiting = [row for row in rows if row.body is not None and ":" not in row.id]
        outcomes: list[OrderOutcome] = []
        if waiting or not self._resumed:
            await self._ledger.catch_up(self._source)
        if not self._resumed:
            outcomes += await self._resume(waiting)
            self._resumed = True
        for row in waiting:
            answer = self._unanswered.get(row.id) or await self._carry_out(row)
            recorded = self._ledger.orders.get(order_of(row.id))
            if recorded is not None and recorded.order.act.destroys and not await self._purge():
                self._unanswered[row.id] = answer
                continue
            # Killed before this: the order is found carried out, and the request is answered by the next executor.
            await self._writer.answer(row.id, encode_answer(answer))
            self._unanswered.pop(row.id, None)
            self._answered = True
            outcomes.append(OrderOutcome(order_of(row.id), answer))
        due = self._purge_due or self._answered
        if due and await self._purge(requests_only=not self._purge_due):
            self._purge_due = self._answered = False
        return outcomes

    async def _purge(self, *, requests_only: bool = False) -> bool:
        """Empty the files beside the log; return False while a reader or the disk prevents it."""
        try:
            await self._writer.purge(requests_only=requests_only)
        except LogUnavailable:
            return False
        return True

    async def _resume(self, waiting: Sequence[RequestRow]) -> list[OrderOutcome]:
        """Go on with orders that an earlier writer recorded and did not finish."""
        ids = {order_of(row.id) for row in waiting}
        outcomes = []
        orders = self._ledger.destructive()
        # A writer that was killed between a destruction and its purge left destroyed data in the write-ahead log.
        self._purge_due = bool(orders)
        for order in orders:
            # An order with a request is gone on with when the request is.
            if order.id in ids:
                continue
            if not await has_begun(self._source, order):
                answer = self._answer(order, await self._destroy(order, {}))
                outcomes.append(OrderOutcome(order.id, answer))
        return outcomes

    async def _carry_out(self, row: RequestRow) -> OrderAnswer:
        try:
            request = parse_request(row.body or b"")
            order = verify_order(request.order, self._approvers)
            check_request(request, order)
            if order_of(row.id) != order.id:
                raise OrderRequestError(f"the request {row.id} is for another order, {order.id}")
        except (OrderError, OrderRequestError) as error:
            return OrderAnswer(False, None, (str(error),))
        recorded = self._ledger.orders.get(order.id)
        if recorded is None:
            if refusals := await self._decide(order, request):
                return self._answer(order, refusals)
            await self._writer.record_order(request.order.encode(), request.details)
            # Killed here: the order is durable and nothing is destroyed; the next executor goes on.
            await self._ledger.catch_up(self._source)
        elif order_text(recorded.note) != order_text(request.order):
            return OrderAnswer(
                False, None, (f"the id {order.id} is that of another order, record {recorded.index}",)
            )
        return self._answer(order, await self._destroy(order, request.envelopes))

    def _answer(self, order: Order, refusals: Sequence[Refusal]) -> OrderAnswer:
        recorded = self._ledger.orders.get(order.id)
        lines = tuple(refusal.text for refusal in refusals[:_MAX_REASONS])
        return OrderAnswer(not refusals, recorded.index if recorded else None, lines)

    async def _decide(self, order: Order, request: OrderRequest) -> Sequence[Refusal]:
        """Return the reasons against a new order."""
        if order.log != self._origin:
            return [
                Refusal(Reason.OTHER_LOG, f"the order is for the log {order.log}; this is {self._origin}")
            ]
        match order.act:
            case OrderAct.HOLD:
                return await self._decide_hold(order)
            case OrderAct.RELEASE:
                return decide_release(order.hold, self._ledger.holds())
            case OrderAct.EXPIRE:
                return await self._decide_expiry(order)
            case OrderAct.ERASE:
                return await self._decide_erasure(order, request.envelopes)

    async def _decide_hold(self, order: Order) -> Sequence[Refusal]:
        last = await self._source.fetch_last_segment()
        refusals = [
            Refusal(Reason.UNKNOWN_SEGMENT, f"there is no segment {number}")
            for number in order.segments
            if number > last
        ]
        return refusals + [
            Refusal(Reason.UNKNOWN_RECORD, f"there is no record {index}")
            for index in order.indexes
            if index >= self._writer.size
        ]

    async def _decide_expiry(self, order: Order) -> Sequence[Refusal]:
        holds, now_ns = self._ledger.holds(), self._clock_ns()
        refusals = list(decide_expiry(Terms(self._policy, now_ns, holds, order.considered), (), {}))
        terms = consider_all(self._policy, now_ns, holds)
        # One at a time: a year's segments name more records than fit in memory.
        for number in order.segments:
            row = await fetch_segment(self._source, number)
            known = {number: (await read_segment(self._source, row)).facts} if row else {}
            refusals += decide_expiry(terms, [number], known)
        return refusals

    async def _decide_erasure(self, order: Order, envelopes: Mapping[int, NewEnvelopes]) -> Sequence[Refusal]:
        facts = await read_record_facts(self._source, order.indexes)
        terms = Terms(self._policy, self._clock_ns(), self._ledger.holds(), order.considered)
        refusals = decide_erasure(terms, order.indexes, facts)
        if refusals:
            return refusals
        if {each.segment for each in facts.values()} != set(order.segments):
            return [Refusal(Reason.WRONG_SEGMENTS, "the records lie in other segments than the order names")]
        problems = [
            check_keys(order, contents, envelopes) async for contents in self._contents(order.segments)
        ]
        return [Refusal(Reason.WRONG_KEYS, problem) for problem in problems if problem]

    async def _contents(self, segments: Sequence[int]) -> AsyncIterator[SegmentContents]:
        for number in segments:
            if (row := await fetch_segment(self._source, number)) is not None:
                yield await read_segment(self._source, row)

    async def _destroy(self, order: Order, envelopes: Mapping[int, NewEnvelopes]) -> list[Refusal]:
        """Destroy what a recorded order names and is still there; return what prevents it, if anything does."""
        refusals: list[Refusal] = []
        if not order.act.destroys:
            return refusals
        holds = self._ledger.holds()
        async for contents in self._contents(order.segments):
            if is_finished(order, contents):
                continue
            if problem := check_keys(order, contents, envelopes):
                refusals.append(Refusal(Reason.WRONG_KEYS, problem))
            elif not is_begun(order, contents) and (held := _held(order, contents, holds)):
                refusals += held
            else:
                await self._destroy_segment(order, contents, envelopes)
        return refusals

    async def _destroy_segment(
        self, order: Order, contents: SegmentContents, envelopes: Mapping[int, NewEnvelopes]
    ) -> None:
        for piece in plan_pieces(order, contents, envelopes):
            begun_s = time.monotonic()
            await self._writer.destroy(piece.destruction, piece.tombstone)
            # Killed here: the keys are gone, and the request is still there: the next executor removes the rest.
            # As long for the line as for this.
            await asyncio.sleep(time.monotonic() - begun_s)


def _held(order: Order, contents: SegmentContents, holds: Sequence[Hold]) -> Sequence[Refusal]:
    """Return the holds that came after the order was recorded and before it was carried out."""
    if order.act is OrderAct.EXPIRE:
        return decide_resumption([contents.facts], [], holds)
    records = [
        RecordFacts(leaf.index, leaf.segment, leaf.retention_class, leaf.time_ns, leaf.conversation)
        for leaf in find_targets(order, contents)
    ]
    return decide_resumption([], records, holds)
