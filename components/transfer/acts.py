"""Reviewers' acts on held files, and auditors' on open ones: requested as those on held messages are, recorded, then
carried out; the deadline.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from components.archive.outage import Outage
from components.archive.store import RequestRow
from components.link.review_request import (
    FILE_REQUEST_PREFIX,
    SHUT_REQUEST_PREFIX,
    HeldMessage,
    ReviewAnswer,
    ReviewRequest,
    ReviewRequestError,
    encode_review_answer,
    find_request_problem,
    parse_shut_request,
    take_review_request,
)
from components.rules.decisions import Decisions
from components.transfer.journal import FileJournal
from components.transfer.state import Settled, Stage, Upload, UploadStore
from policy.review import ReviewAct
from policy.supervision.vote import Vote

_INTERVAL_S = 0.25
_NOBODY = "deadline"
_EARLIER_S = 2.0
_NS_PER_S = 1_000_000_000
_STAGES = {ReviewAct.RELEASE: Stage.ANSWERED, ReviewAct.REFUSE: Stage.REFUSED}
_SHUT = {"hold": Stage.HELD, "refuse": Stage.REFUSED}

REFUSED_TEXT = "This file was reviewed and is not sent. Ask your compliance desk."

log = structlog.get_logger("transfer")


class Requests(Protocol):
    """Reads the requests of other processes to the log's writer (`LogSource`)."""

    async def fetch_requests(self) -> Sequence[RequestRow]:
        """Return all requests, in the order in which they came."""


class FileActs:
    """Serves reviewers, and does the default with what nobody has decided on in time. `clock_s` gives Unix time.

    `decisions` says who may decide, and how many have to.
    """

    def __init__(
        self,
        uploads: UploadStore,
        journal: FileJournal,
        requests: Requests,
        decisions: Decisions,
        *,
        deadline_s: float,
        clock_s: Callable[[], float],
    ) -> None:
        self._uploads = uploads
        self._journal = journal
        self._requests = requests
        # A little before the message that names the file is due: released, it must find its file open.
        self._deadline_s = max(0.0, deadline_s - _EARLIER_S)
        self._decisions = decisions
        self._clock_s = clock_s
        self.held = 0
        """How many files wait for a reviewer, as of the last turn."""

    async def run(self) -> None:
        """Serve until cancelled; raises LogDamaged and LogFenced."""
        outage = Outage(log, "no reviews of files")
        while True:
            with outage:
                await self.serve()
            await asyncio.sleep(_INTERVAL_S)

    async def serve(self) -> None:
        """Carry out reviewers' requests, and the default where time has run out; raises LogUnavailable."""
        now_s = self._clock_s()
        held = await self._uploads.list_held()
        self.held = len(held)
        for upload, settled in held:
            if settled.at_s + self._deadline_s <= now_s:
                request = ReviewRequest(
                    self._decisions.default.value,
                    settled.record,
                    _NOBODY,
                    "nobody decided in time",
                    settled.evidence,
                )
                await self._decide(upload, settled, self._decisions.default, request)
        for row in await self._requests.fetch_requests():
            for prefix, serve in ((FILE_REQUEST_PREFIX, self._answer), (SHUT_REQUEST_PREFIX, self._shut)):
                if not row.id.startswith(prefix) or row.body is None:
                    continue
                answer = await serve(row.body)
                # Killed before this: the request is served again, and finds nothing left to decide.
                await self._journal.answer(row.id, encode_review_answer(answer))

    async def _answer(self, body: bytes) -> ReviewAnswer:
        """Do what a request asks."""
        held = await self._uploads.list_held()
        votes = await self._uploads.list_votes()
        asked = take_review_request(
            body, lambda: tuple(self._describe(*each, votes.get(each[0].id, ())) for each in held)
        )
        if isinstance(asked, ReviewAnswer):
            return asked
        request, act = asked
        found = next((each for each in held if each[1].record == request.record), None)
        name = f"{self._journal.log_name}/{request.record}"
        if found is None:
            return ReviewAnswer(
                f"{name} is no held file: it was never held, or somebody has already decided on it"
            )
        if problem := find_request_problem(request, name, found[1].evidence):
            return ReviewAnswer(problem)
        upload, settled = found
        cast = self._decisions.cast(
            request, votes.get(upload.id, ()), settled.rules, (upload.owner,), int(self._clock_s())
        )
        if cast.problem:
            return ReviewAnswer(cast.problem)
        if cast.is_agreed:
            await self._decide(upload, settled, act, replace(request, actor=cast.by), cast.others)
            return ReviewAnswer()
        if cast.votes != votes.get(upload.id, ()):
            await self._journal.reviewed(replace(request, actor=cast.by), is_proposed=True)
            # Killed here: the same request is recorded and counted once more.
            self._uploads.keep_votes(upload.id, cast.votes)
        return ReviewAnswer(waits=True)

    async def _shut(self, body: bytes) -> ReviewAnswer:
        """Shut an open file, unless it was for the same, and a reviewer has let it go since."""
        try:
            request = parse_shut_request(body)
            stage = _SHUT[request.action]
        except (ReviewRequestError, KeyError):
            return ReviewAnswer("this is not an act of an auditor")
        name = f"{self._journal.log_name}/{request.record}"
        found = await self._uploads.find_settled(request.record)
        if found is None or found[0].stage is not Stage.ANSWERED or found[0].until_s <= self._clock_s():
            return ReviewAnswer(f"the file of {name} is not open any more")
        upload, settled, cause = found
        now_for = " ".join((request.action, *sorted(request.rules)))
        if request.evidence != settled.evidence:
            return ReviewAnswer(f"{name} does not say what was looked into")
        if cause == now_for:
            return ReviewAnswer(f"the file of {name} was shut for that before, and a reviewer let it go")
        await self._journal.shut(request)
        # Killed here: the same request shuts it when the component is back, and is recorded once more.
        rules = tuple(sorted({*settled.rules, *request.rules}))
        after = replace(settled, stage=stage, rules=rules, text=request.text, at_s=int(self._clock_s()))
        self._uploads.settle(upload.id, after, now_for)
        log.warning("an open file was shut", record=request.record, rules=request.rules)
        return ReviewAnswer()

    async def _decide(
        self,
        upload: Upload,
        settled: Settled,
        act: ReviewAct,
        request: ReviewRequest,
        others: Sequence[str] = (),
    ) -> None:
        """Record who decided what and why, then carry it out; `others` had decided the same before."""
        await self._journal.reviewed(request, others)
        # Killed here: the same request, or the deadline, decides again, and the decision is recorded once more.
        text = "" if act is ReviewAct.RELEASE else REFUSED_TEXT
        self._uploads.settle(
            upload.id, replace(settled, stage=_STAGES[act], text=text, at_s=int(self._clock_s()))
        )
        log.info("a file was reviewed", act=act.value, record=settled.record)

    def _describe(self, upload: Upload, settled: Settled, votes: Sequence[Vote]) -> HeldMessage:
        held_at_ns = settled.at_s * _NS_PER_S
        due_ns = held_at_ns + int(self._deadline_s * _NS_PER_S)
        return HeldMessage(
            settled.record,
            Stage.HELD.value,
            upload.owner,
            upload.id.hex(),
            settled.rules,
            held_at_ns,
            due_ns,
            self._decisions.count_needed(settled.rules),
            tuple((vote.by, vote.act) for vote in votes),
        )
