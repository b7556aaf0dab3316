"""Reviewers' acts on held messages: requests to the running gate, each recorded first (docs/review.md)."""

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.archive.opener import OpenedRecord
from components.archive.record import Access, RecordKind, Submission, parse_record
from components.archive.store.open import open_requests
from components.audit.access import name_actor, record_access
from components.audit.open_log import open_log
from components.audit.show import explain_absence, parse_record_id
from components.audit.stanza import read_submission
from components.link import review_request
from components.process.errors import SiteError
from components.settings.site import SiteFile

_ASK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class HeldList:
    """All held messages of a gate, the oldest first; `access_id` is the record of this look.

    `texts` has the text of each, by its record's number, without unreadable and destroyed ones.
    """

    held: tuple[review_request.HeldMessage, ...]
    access_id: str
    texts: Mapping[int, str]


async def list_held(settings: SiteFile, timeout_s: float) -> HeldList:
    """Return the messages that the gate holds, and their texts, opened with the auditors' key.

    Raises SiteError, also if the gate does not answer, and LogError.
    """
    answer = await _ask(settings, review_request.ReviewRequest(review_request.LIST), timeout_s)
    log = settings.gate_log
    size, texts = await _read_texts(settings, answer.held) if answer.held else (0, {})
    seen = " ".join(f"{log.name}/{each.record}" for each in answer.held)
    access = Access(name_actor(), "review-list", seen, time.time_ns(), size, len(answer.held))
    return HeldList(answer.held, await record_access(settings, access), texts)


async def _read_texts(
    settings: SiteFile, held: Sequence[review_request.HeldMessage]
) -> tuple[int, dict[int, str]]:
    """Return the size of the log, and the texts of the messages whose records can be read."""
    texts: dict[int, str] = {}
    async with open_log(settings, settings.gate_log) as opener:
        size = await opener.reader.size()
        for message in held:
            # Also a record that no checkpoint covers yet.
            for opened in await opener.fetch(message.record, 1):
                if (content := _read_held(opened)) is not None:
                    texts[message.record] = read_submission(content).text
    return size, texts


def _read_held(opened: OpenedRecord) -> Submission | None:
    try:
        content = parse_record(RecordKind(opened.leaf.kind), opened.payload or b"")
    except ValueError:
        return None
    return content if isinstance(content, Submission) else None


async def decide_held(settings: SiteFile, record_id: str, act: str, reason: str, timeout_s: float) -> str:
    """Ask the gate to release or refuse a held message; return the id of the record of this reading.

    It opens the record with the auditors' key: without this key, nobody can decide on it. Raises SiteError, also if
    the gate refuses or does not answer, and LogError.
    """
    log, number = parse_record_id(settings, record_id)
    async with open_log(settings, log) as opener:
        size = await opener.reader.size()
        found = await opener.fetch(number, 1)  # also a record that no checkpoint covers yet
    if not found:
        raise SiteError(explain_absence(log.name, number, size))
    content = _read_held(found[0])
    if log != settings.gate_log or content is None:
        raise SiteError(f"{record_id} is no message that was held")
    actor = name_actor()
    access = Access(actor, f"review-{act}", record_id, time.time_ns(), size, 1)
    access_id = await record_access(settings, access)
    evidence = review_request.prove_reading(content.epoch, content.seq, content.body)
    answer = await _ask(
        settings, review_request.ReviewRequest(act, number, actor, reason, evidence), timeout_s
    )
    if answer.problem:
        raise SiteError(answer.problem)
    return access_id


async def _ask(
    settings: SiteFile, request: review_request.ReviewRequest, timeout_s: float
) -> review_request.ReviewAnswer:
    """Return the gate's answer to a request; withdraw a request that is not answered in time."""
    box = await open_requests(settings.gate_log.store)
    id_ = f"{review_request.REQUEST_PREFIX}{uuid.uuid4().hex}"
    try:
        await box.submit_request(id_, review_request.encode_review_request(request))
        give_up_at_s = time.monotonic() + timeout_s
        text = await box.fetch_answer(id_)
        while text is None and time.monotonic() < give_up_at_s:
            await asyncio.sleep(_ASK_EVERY_S)
            text = await box.fetch_answer(id_)
        # Killed before this: the request stays, and the gate carries it out.
        await box.withdraw_request(id_)
        if text is None:
            raise SiteError(
                "the gate does not answer: see whether the site is up, then `steelyard review list`"
            )
        return review_request.parse_review_answer(text)
    except review_request.ReviewRequestError as error:
        raise SiteError(str(error)) from None
    finally:
        await box.close()
