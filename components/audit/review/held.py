"""Reviewers' acts on held messages: requests to the running gate, each recorded first (docs/review.md)."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.archive.opener import OpenedRecord
from components.archive.record import Access, RecordKind, Submission, parse_record
from components.audit.access import name_actor, record_access
from components.audit.asking import ask_writer
from components.audit.open_log import open_log
from components.audit.review.held_files import (
    HeldFiles,
    decide_file,
    find_file_log,
    list_held_files,
    release_named,
)
from components.audit.show import explain_absence, parse_record_id
from components.audit.stanza import read_submission
from components.link import review_request
from components.process.errors import SiteError
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class HeldList:
    """All held messages of a gate, the oldest first; `access_id` is the record of this look.

    `texts` has the text of each, by its record's number, without unreadable and destroyed ones. `files` are the files
    that are held.
    """

    held: tuple[review_request.HeldMessage, ...]
    access_id: str
    texts: Mapping[int, str]
    files: HeldFiles


async def list_held(settings: SiteFile, timeout_s: float) -> HeldList:
    """Return the messages that the gate holds, and their texts, opened with the auditors' key.

    Raises SiteError, also if the gate does not answer, and LogError.
    """
    answer = await _ask(settings, review_request.ReviewRequest(review_request.LIST), timeout_s)
    files = await list_held_files(settings, timeout_s)
    log, file_log = settings.gate_log, find_file_log(settings)
    size, texts = await _read_texts(settings, answer.held) if answer.held else (0, {})
    ids = [f"{log.name}/{each.record}" for each in answer.held]
    ids += [f"{file_log.name}/{each.record}" for each in files.held if file_log]
    access = Access(name_actor(), "review-list", " ".join(ids), time.time_ns(), size, len(ids))
    return HeldList(answer.held, await record_access(settings, access), texts, files)


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

    A file that is held is decided on likewise. With a message, the held files that it names are released first.
    It opens the record with the auditors' key: without this key, nobody can decide on it. Raises SiteError, also if
    the gate refuses or does not answer, and LogError.
    """
    log, number = parse_record_id(settings, record_id)
    if log == find_file_log(settings):
        return await decide_file(settings, log, number, act, reason, timeout_s)
    async with open_log(settings, log) as opener:
        size = await opener.reader.size()
        found = await opener.fetch(number, 1)  # also a record that no checkpoint covers yet
    if not found:
        raise SiteError(explain_absence(log.name, number, size))
    content = _read_held(found[0])
    if log != settings.gate_log or content is None:
        raise SiteError(f"{record_id} is no message that was held")
    if act == "release":
        # Killed after this: the files can be fetched, by nobody who has the link yet.
        await release_named(settings, content, reason, timeout_s)
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
    store = settings.gate_log.store
    return await ask_writer(store, review_request.REQUEST_PREFIX, request, timeout_s, "the gate")
