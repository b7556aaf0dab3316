"""What the transfer component counts and measures, for Prometheus (docs/metrics.md) and its status file."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web
from prometheus_client import Histogram

from components.process.metrics import seconds_histogram
from components.transfer.checks import Decide, Inspector, Scanner
from components.transfer.scan.scanned import Scanned, Unscanned
from policy.decision import Action
from policy.files.decide import FileDecision
from policy.files.facts import ContentFacts, FileFacts, FileMark

PREFIX = "steelyard_transfer_"
_BROKEN = "broken"
_CLEAN = "clean"
_PUT_STATUSES = (*map(str, (201, 400, 403, 404, 408, 409, 410, 411, 413, 415, 503)), _BROKEN)
_GET_STATUSES = (*map(str, (200, 206, 304, 403, 404, 412, 416, 503)), _BROKEN)
_DECISIONS = (Action.RELEASE, Action.HOLD, Action.REFUSE)
_SCANS = (_CLEAN, FileMark.MALWARE.value, *(why.value for why in Unscanned))

_Response = TypeVar("_Response", bound=web.StreamResponse)


def _zeros(names: Iterable[str]) -> dict[str, float]:
    return dict.fromkeys(names, 0)


def _histogram(name: str, text: str) -> Histogram:
    return seconds_histogram(PREFIX + name, text)


@dataclass(slots=True)
class Traffic:
    """Requests of one kind: by the status of their answers, `broken` for those without a whole one, and bytes."""

    by_status: dict[str, float]
    size_bytes: int = 0
    under_way: int = 0


@dataclass(slots=True)
class FileMetrics:
    """What became of files since the component started; a crash loses it, as Prometheus expects."""

    uploads: Traffic = field(default_factory=lambda: Traffic(_zeros(_PUT_STATUSES)))
    fetches: Traffic = field(default_factory=lambda: Traffic(_zeros(_GET_STATUSES)))
    decided: dict[str, float] = field(default_factory=lambda: _zeros(each.value for each in _DECISIONS))
    marks: dict[str, float] = field(default_factory=lambda: _zeros(each.value for each in FileMark))
    scans: dict[str, float] = field(default_factory=lambda: _zeros(_SCANS))
    answer_seconds: Histogram = field(
        default_factory=lambda: _histogram("answer_seconds", "From the last byte of a file to its answer.")
    )
    store_seconds: Histogram = field(
        default_factory=lambda: _histogram(
            "store_seconds", "From the last byte of a file until it is durable in the store."
        )
    )
    inspect_seconds: Histogram = field(
        default_factory=lambda: _histogram("inspect_seconds", "Duration of looks into files.")
    )
    scan_seconds: Histogram = field(
        default_factory=lambda: _histogram("scan_seconds", "Duration of scans by the virus scanner.")
    )

    def count_decision(self, decision: FileDecision) -> None:
        """Count what became of a file."""
        self.decided[decision.action.value] += 1

    @property
    def histograms(self) -> tuple[Histogram, ...]:
        """All that is measured in seconds."""
        return (self.answer_seconds, self.store_seconds, self.inspect_seconds, self.scan_seconds)

    async def count_put(
        self, answer: Callable[[web.Request], Awaitable[_Response]], request: web.Request
    ) -> _Response:
        """Answer a PUT, and count it."""
        loop = asyncio.get_running_loop()
        whole_s: list[float] = []
        request.content.on_eof(lambda: whole_s.append(loop.time()))
        try:
            response = await self._count(self.uploads, answer, request)
        finally:
            self.uploads.size_bytes += request.content.total_bytes
        if response.status == 201 and whole_s:
            self.answer_seconds.observe(loop.time() - whole_s[0])
        return response

    async def count_get(
        self, answer: Callable[[web.Request], Awaitable[_Response]], request: web.Request
    ) -> _Response:
        """Answer a GET or HEAD, and count it."""
        response = await self._count(self.fetches, answer, request)
        if request.method == "GET" and response.status in (200, 206):
            self.fetches.size_bytes += response.content_length or 0
        return response

    async def _count(
        self, traffic: Traffic, answer: Callable[[web.Request], Awaitable[_Response]], request: web.Request
    ) -> _Response:
        status = _BROKEN
        traffic.under_way += 1
        try:
            response = await answer(request)
            status = str(response.status)
        finally:
            traffic.under_way -= 1
            traffic.by_status[status] = traffic.by_status.get(status, 0) + 1
        return response


@dataclass(frozen=True, slots=True)
class MeasuredInspector:
    """An inspector whose looks are timed."""

    inspector: Inspector
    metrics: FileMetrics

    async def look(self, fd: int, name: str, claimed_type: str) -> ContentFacts:
        """Look into a file."""
        with self.metrics.inspect_seconds.time():
            return await self.inspector.look(fd, name, claimed_type)


@dataclass(frozen=True, slots=True)
class MeasuredScanner:
    """A scanner whose scans are timed and counted."""

    scanner: Scanner
    metrics: FileMetrics

    async def scan(self, fd: int, size_bytes: int) -> Scanned:
        """Scan a file."""
        with self.metrics.scan_seconds.time():
            scanned = await self.scanner.scan(fd, size_bytes)
        self.metrics.scans[scanned.why or scanned.mark or _CLEAN] += 1
        return scanned


@dataclass(frozen=True, slots=True)
class MeasuredDecisions:
    """Decides, and counts what was found and what was decided."""

    decide: Decide
    metrics: FileMetrics

    def __call__(self, facts: FileFacts, *, overdue: bool) -> FileDecision:
        """Decide on a file; `overdue` if it was not checked in time."""
        decision = self.decide(facts, overdue=overdue)
        # What is to be amended is decided on only when there is a copy, or none.
        if not decision.amends:
            self.metrics.count_decision(decision)
        for mark in facts.content.marks:
            self.metrics.marks[mark.value] += 1
        return decision
