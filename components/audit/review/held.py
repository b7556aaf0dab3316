"""Reviewers' acts on held messages: requests to the running gate, each recorded first (docs/review.md)."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from components.archive.opener import OpenedRecord
from components.archive.record import Access, RecordKind, Submission, parse_record
from components.audit.access import record_access
from components.audit.asking import ask_writer
from components.audit.auditor import Auditor, find_auditor
from components.audit.author import Author
from components.audit.open_log import open_log
from components.audit.review.held_files import (
    HeldFiles,
    decide_file,
    find_file_log,
    find_visible,
    list_held_files,
    release_named,
)
from components.audit.review.names import HiddenNames, hides_names, queue_of
from components.audit.review.request import Decided, ask_for, note_answer
from components.audit.review.rules import load_directory, load_rules
from components.audit.show import explain_absence, parse_record_id
from components.audit.stanza import read_submission
from components.link import review_request
from components.process.errors import SiteError
from components.settings.site import SiteFile
from policy.supervision.act import ActKind


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


async def list_held(settings: SiteFile, timeout_s: float, auditor: Auditor | None = None) -> HeldList:
    """Return the messages that the gate holds, and their texts, opened with the auditors' key.

    An auditor of some enterprises gets those of their people only. Raises SiteError, also
    if the gate does not answer, and LogError.
    """
    auditor = auditor or find_auditor(settings)
    answer = await _ask(settings, review_request.ReviewRequest(review_request.LIST), timeout_s)
    answer = replace(answer, held=find_visible(settings, auditor, answer.held))
    files = await list_held_files(settings, timeout_s, auditor)
    log, file_log = settings.gate_log, find_file_log(settings)
    size, texts = await _read_texts(settings, answer.held) if answer.held else (0, {})
    ids = [f"{log.name}/{each.record}" for each in answer.held]
    ids += [f"{file_log.name}/{each.record}" for each in files.held if file_log]
    access = Access(auditor.id, "review-list", " ".join(ids), time.time_ns(), size, len(ids))
    shown, texts = _without_names(settings, answer.held, texts)
    return HeldList(shown, await record_access(settings, access), texts, files)


def _without_names(
    settings: SiteFile, held: Sequence[review_request.HeldMessage], texts: Mapping[int, str]
) -> tuple[tuple[review_request.HeldMessage, ...], dict[int, str]]:
    """Return what is listed without the names that a rule hides until somebody says why they need them."""
    rules = load_rules(settings) if held else {}
    if not any(hides_names(rules, each.rules) for each in held):
        return tuple(held), dict(texts)
    names, shown, hidden = HiddenNames(settings, load_directory(settings)), [], dict(texts)
    for each in held:
        if not hides_names(rules, each.rules):
            shown.append(each)
            continue
        queue = queue_of(each.rules)
        sender, to = names.show(queue, each.sender), names.show(queue, each.to)
        shown.append(replace(each, sender=sender, to=to))
        if each.record in texts:
            hidden[each.record] = names.hide(queue, (each.sender, each.to), texts[each.record])
    return tuple(shown), hidden


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


async def decide_held(
    settings: SiteFile,
    record_id: str,
    act: str,
    reason: str,
    timeout_s: float,
    author: Author | None = None,
) -> Decided:
    """Ask the gate to release or refuse a held message; `author` signs where reviewers have keys.

    A file that is held is decided on likewise. With a message, the held files that it names are released first.
    It opens the record with the auditors' key: without this key, nobody can decide on it. Raises SiteError, also if
    the gate refuses or does not answer, and LogError.
    """
    author = author or Author(find_auditor(settings))
    log, number = parse_record_id(settings, record_id)
    file_log = find_file_log(settings)
    if author.auditor.enterprises is not None:
        await _require_held_for(settings, author.auditor, record_id, timeout_s)
    if log == file_log:
        return await decide_file(settings, log, number, act, reason, timeout_s, author)
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
        is_last = await _is_last(settings, number, author, timeout_s)
        await release_named(settings, content, reason, timeout_s, author, is_last=is_last)
    access = Access(author.id, f"review-{act}", record_id, time.time_ns(), size, 1)
    access_id = await record_access(settings, access)
    evidence = review_request.prove_reading(content.epoch, content.seq, content.body)
    signed, request = ask_for(author, ActKind(act), log, number, reason, evidence)
    return await note_answer(settings, access_id, signed, await _ask(settings, request, timeout_s))


async def _require_held_for(settings: SiteFile, auditor: Auditor, record_id: str, timeout_s: float) -> None:
    """Refuse a record that is not held for an auditor to see, in the same words whatever it is; raises SiteError."""
    log, number = parse_record_id(settings, record_id)
    if log == find_file_log(settings):
        held = (await list_held_files(settings, timeout_s, auditor)).held
    elif log == settings.gate_log:
        answer = await _ask(settings, review_request.ReviewRequest(review_request.LIST), timeout_s)
        held = find_visible(settings, auditor, answer.held)
    else:
        held = ()
    if all(each.record != number for each in held):
        raise SiteError(f"{record_id} is nothing that is held and that {auditor.id} may see")


async def _is_last(settings: SiteFile, number: int, author: Author, timeout_s: float) -> bool:
    """Return whether this person's decision to release a message would be enough for it to go out."""
    answer = await _ask(settings, review_request.ReviewRequest(review_request.LIST), timeout_s)
    held = next((each for each in answer.held if each.record == number), None)
    others = {who for who, act in held.votes if act == "release" and who != author.id} if held else set()
    return held is None or len(others) + 1 >= held.reviewers


async def _ask(
    settings: SiteFile, request: review_request.ReviewRequest, timeout_s: float
) -> review_request.ReviewAnswer:
    store = settings.gate_log.store
    return await ask_writer(store, review_request.REQUEST_PREFIX, request, timeout_s, "the gate")
