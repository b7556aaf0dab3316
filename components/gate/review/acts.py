"""Reviewers' acts at the gate: requested as orders are, recorded, then carried out; and the deadline."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from components.archive.errors import LogUnavailable
from components.archive.log.leaf import LeafIndex
from components.archive.outage import Outage
from components.archive.record import Event, RecordKind, encode_event
from components.archive.store import RequestRow
from components.archive.writer import DEFAULT_CLASS, Entry
from components.gate.adapter import Line
from components.gate.breaks import LinkBreaks
from components.gate.review.queue import ReviewQueue
from components.link.review_request import (
    REQUEST_PREFIX,
    HeldMessage,
    ReviewAnswer,
    ReviewRequest,
    encode_review_answer,
    find_request_problem,
    take_review_request,
)
from components.rules.decisions import Decisions
from policy.review import Item, ItemKind, ReviewAct, can_be_decided

_INTERVAL_S = 0.25
_NOBODY = "deadline"

Details = tuple[tuple[str, str], ...]

log = structlog.get_logger("gate")


class Writer(Protocol):
    """What acts on held messages need from the log's writer (`LogWriter`)."""

    async def append(self, entries: Sequence[Entry]) -> LeafIndex:
        """Record entries in one transaction, and return the first one's index."""

    async def answer(self, id_: str, answer: str) -> None:
        """Answer a request, and delete its body."""

    async def purge(self, *, requests_only: bool) -> None:
        """Remove all traces of requests from the files beside the log."""


class Requests(Protocol):
    """Reads the requests of other processes to the log's writer (`LogSource`)."""

    async def fetch_requests(self) -> list[RequestRow]:
        """Return all requests, in the order in which they came."""


class ReviewActs:
    """Serves reviewers, as the writer of the log, and asks the adapter of `line` to send what is released.

    Each of `releases` lets items go out that
    become due for another reason; it may raise LogUnavailable. `decisions` says who may decide, and how many have to.
    """

    def __init__(
        self,
        queue: ReviewQueue,
        line: Line,
        writer: Writer,
        requests: Requests,
        breaks: LinkBreaks,
        decisions: Decisions,
        releases: Sequence[Callable[[], None]] = (),
        *,
        retention_class: int = DEFAULT_CLASS,
    ) -> None:
        self._queue = queue
        self._line = line
        self._decisions = decisions
        self._releases = tuple(releases)
        self._writer = writer
        self._requests = requests
        self._breaks = breaks
        self._retention_class = retention_class
        # Decisions that are recorded and not carried out yet. Lost in a crash: then they are recorded once more.
        self._recorded: dict[str, tuple[ReviewAct, str, str]] = {}
        self._purge_due = False

    async def run(self) -> None:
        """Serve until cancelled; raises LogDamaged and LogFenced."""
        outage = Outage(log, "no reviews")
        while True:
            with outage:
                for let_go in self._releases:
                    let_go()
                self._ask()
                await self.serve()
            with suppress(TimeoutError):
                # `asyncio.wait_for` may miss that it is cancelled (Python 3.11), and the gate would not end.
                async with asyncio.timeout(_INTERVAL_S):
                    await self._queue.changed.wait()
            self._queue.changed.clear()

    def _ask(self) -> None:
        """Ask the adapter, if one is connected, to send what is released; raises LogUnavailable."""
        if (adapter := self._line.adapter) is not None:
            for item in self._queue.end_unsendable(adapter.claims, self._breaks.is_injection_blamed):
                self._breaks.unsendable(item.record)
            for item in self._queue.take_outgoing(adapter.claims, alone=self._breaks.is_careful):
                adapter.ask_inject(item.token, item.stanza)

    async def serve(self) -> None:
        """Carry out reviewers' requests, and the default where time has run out; raises LogUnavailable."""
        for item in self._queue.due():
            await self._decide(item, self._decisions.default, _NOBODY, "nobody decided in time")
        for row in await self._requests.fetch_requests():
            if row.id.startswith(REQUEST_PREFIX) and row.body is not None:
                answer = await self._answer(row)
                if answer is not None:
                    # Killed before this: the request is served again, and finds nothing left to decide.
                    await self._writer.answer(row.id, encode_review_answer(answer))
                    self._purge_due = True
        if self._purge_due:
            with suppress(LogUnavailable):
                # The request, and its reason.
                await self._writer.purge(requests_only=True)
                self._purge_due = False

    async def _answer(self, row: RequestRow) -> ReviewAnswer | None:
        """Do what a request asks; return None if it has to wait for the adapter."""
        asked = take_review_request(row.body or b"", lambda: tuple(map(self._describe, self._held())))
        if isinstance(asked, ReviewAnswer):
            return asked
        request, act = asked
        found = [each for each in self._held() if each.record == request.record]
        item = next(
            (each for each in found if each.evidence == request.evidence), found[0] if found else None
        )
        if problem := _find_problem(item, request, self._line.gate.log):
            return ReviewAnswer(problem)
        if item is None or not can_be_decided(item):
            return None
        parties, now_s = (item.sender, item.to), int(time.time())
        cast = self._decisions.cast(request, item.votes, item.rules, parties, now_s)
        if cast.problem:
            return ReviewAnswer(cast.problem)
        if cast.is_agreed:
            await self._decide(item, act, cast.by, request.reason, cast.others, request.statement)
            return ReviewAnswer()
        if cast.votes != item.votes:
            said = _details(cast.by, request.reason, f"{self._line.gate.log}/{item.record}", item)
            await self._record("proposed", (*said, ("act", act.value), ("statement", request.statement)))
            # Killed here: the same request is recorded and counted once more.
            self._queue.keep_votes(item, cast.votes)
        return ReviewAnswer(waits=True)

    def _held(self) -> list[Item]:
        return [item for item in self._queue.items if item.kind is ItemKind.MESSAGE]

    async def _decide(
        self,
        item: Item,
        act: ReviewAct,
        actor: str,
        reason: str,
        others: Sequence[str] = (),
        statement: str = "",
    ) -> None:
        """Record who decided what and why, then carry it out; `others` had decided the same before."""
        record = f"{self._line.gate.log}/{item.record}"
        decision = (act, actor, reason)
        if self._recorded.get(item.token) != decision:
            with_ = (("with", " ".join(others)), ("statement", statement))
            await self._record(act.value, (*_details(actor, reason, record, item), *with_))
            self._recorded[item.token] = decision
        # Killed here: the same request, or the deadline, decides again, and the decision is recorded once more.
        self._queue.decide(item, act, in_time=actor != _NOBODY)
        del self._recorded[item.token]
        log.info("reviewed", act=act.value, record=record, in_time=actor != _NOBODY)

    async def _record(self, name: str, details: Details) -> None:
        # What does not say anything is left out, as it was before there was any.
        said = tuple(each for each in details if each[1] or each[0] not in ("with", "statement"))
        payload = encode_event(Event(RecordKind.REVIEW, name, said, time.time_ns()))
        await self._writer.append([Entry(RecordKind.REVIEW, payload, self._retention_class)])

    def _describe(self, item: Item) -> HeldMessage:
        return HeldMessage(
            item.record,
            item.stage.value,
            item.sender,
            item.to,
            item.rules,
            item.held_at_ns,
            item.deadline_ns,
            self._decisions.count_needed(item.rules),
            tuple((vote.by, vote.act) for vote in item.votes),
        )


def _details(actor: str, reason: str, record: str, item: Item) -> Details:
    return ("actor", actor), ("reason", reason), ("record", record), ("stage", item.stage.value)


def _find_problem(item: Item | None, request: ReviewRequest, log_name: str) -> str:
    name = f"{log_name}/{request.record}"
    if item is None:
        return f"{name} is not held: it was never held, or somebody has already decided on it"
    if problem := find_request_problem(request, name, item.evidence):
        return problem
    if item.held is None and not can_be_decided(item):
        return f"{name} is already decided on, and on its way"
    return ""
