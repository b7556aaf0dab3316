"""Reviewers' acts on held messages: asked of the running gate, each recorded first (docs/review.md)."""

import asyncio
import time
import uuid
from dataclasses import dataclass

from components.archive.record import Access, RecordKind, Submission, parse_record
from components.archive.store.open import open_requests
from components.audit.access import name_actor, record_access
from components.audit.open_log import open_log
from components.audit.show import explain_absence, parse_record_id
from components.link.review_request import (
    LIST,
    REQUEST_PREFIX,
    HeldMessage,
    ReviewAnswer,
    ReviewRequest,
    ReviewRequestError,
    encode_review_request,
    parse_review_answer,
    prove_reading,
)
from components.process.errors import SiteError
from components.settings.site import SiteFile

_ASK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class HeldList:
    """All held messages of a gate, the oldest first; `access_id` is the record of this look."""

    held: tuple[HeldMessage, ...]
    access_id: str


async def list_held(settings: SiteFile, timeout_s: float) -> HeldList:
    """Return the messages that the gate holds; raises SiteError, also when it does not answer, and LogError."""
    answer = await _ask(settings, ReviewRequest(LIST), timeout_s)
    access = Access(name_actor(), "review-list", "", time.time_ns(), 0, len(answer.held))
    return HeldList(answer.held, await record_access(settings, access))


async def decide_held(settings: SiteFile, record_id: str, act: str, reason: str, timeout_s: float) -> str:
    """Have a held message released or refused; returns the id of the record that says who read it to decide.

    The record is opened with the auditors' key: without that, nobody can decide on it. Raises SiteError, also when
    the gate refuses or does not answer, and LogError.
    """
    log, number = parse_record_id(settings, record_id)
    async with open_log(settings, log) as opener:
        size = await opener.reader.size()
        found = await opener.fetch(number, 1)  # also one that no checkpoint is signed over yet
    if not found:
        raise SiteError(explain_absence(log.name, number, size))
    opened = found[0]
    try:
        content = parse_record(RecordKind(opened.leaf.kind), opened.payload or b"")
    except ValueError:
        content = None
    if log != settings.gate_log or not isinstance(content, Submission):
        raise SiteError(f"{record_id} is no message that was held")
    actor = name_actor()
    access = Access(actor, f"review-{act}", record_id, time.time_ns(), size, 1)
    access_id = await record_access(settings, access)
    evidence = prove_reading(content.epoch, content.seq, content.body)
    answer = await _ask(settings, ReviewRequest(act, number, actor, reason, evidence), timeout_s)
    if answer.problem:
        raise SiteError(answer.problem)
    return access_id


async def _ask(settings: SiteFile, request: ReviewRequest, timeout_s: float) -> ReviewAnswer:
    """Return the gate's answer to a request; one that is not answered in time is withdrawn."""
    box = await open_requests(settings.gate_log.store)
    id_ = f"{REQUEST_PREFIX}{uuid.uuid4().hex}"
    try:
        await box.submit_request(id_, encode_review_request(request))
        give_up_at_s = time.monotonic() + timeout_s
        text = await box.fetch_answer(id_)
        while text is None and time.monotonic() < give_up_at_s:
            await asyncio.sleep(_ASK_EVERY_S)
            text = await box.fetch_answer(id_)
        # Killed before this: what was asked stays, and the gate does it.
        await box.withdraw_request(id_)
        if text is None:
            raise SiteError(
                "the gate does not answer: see whether the site is up, then `steelyard review list`"
            )
        return parse_review_answer(text)
    except ReviewRequestError as error:
        raise SiteError(str(error)) from None
    finally:
        await box.close()
