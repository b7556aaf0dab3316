"""Reviewers' acts on held files, and on those that a held message names (docs/review.md, section 6)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from components.archive.opener import OpenedRecord
from components.archive.record import Access, Event, RecordKind, Submission, parse_record
from components.audit.access import name_actor, record_access
from components.audit.asking import ask_writer
from components.audit.open_log import open_log
from components.audit.show import explain_absence
from components.link.review_request import (
    FILE_REQUEST_PREFIX,
    LIST,
    HeldMessage,
    ReviewAnswer,
    ReviewRequest,
    prove_reading,
)
from components.process.errors import SiteError
from components.rules.file_links import load_file_links
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from policy.content.stanza import StanzaTextError, read_stanza


@dataclass(frozen=True, slots=True)
class HeldFiles:
    """All held files, the oldest first, and the name of each by its record's number, without those nobody can read.

    `problem` says why they are not known, and is empty otherwise.
    """

    held: tuple[HeldMessage, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    problem: str = ""


def find_file_log(settings: SiteFile) -> LogSettings | None:
    """Return the log of the files, None where nobody can send any, or none was sent yet."""
    transfer = settings.transfer
    log = transfer.log_settings(settings.folder) if transfer else None
    return log if log and log.is_begun else None


async def list_held_files(settings: SiteFile, timeout_s: float) -> HeldFiles:
    """Return the files that wait for a reviewer; the caller records the look. Raises LogError."""
    log = find_file_log(settings)
    if log is None:
        return HeldFiles()
    try:
        held = (await _ask(log, ReviewRequest(LIST), timeout_s)).held
    except SiteError as error:
        return HeldFiles(problem=str(error))
    names: dict[int, str] = {}
    async with open_log(settings, log) as opener:
        for each in held:
            # Also a record that no checkpoint covers yet.
            for opened in await opener.fetch(each.record, 1):
                if event := _read_file(opened):
                    names[each.record] = str(dict(event.details).get("file_name", ""))
    return HeldFiles(held, names)


async def decide_file(
    settings: SiteFile, log: LogSettings, number: int, act: str, reason: str, timeout_s: float
) -> str:
    """Have a held file released or refused; return the id of the record of this reading.

    It opens the record with the auditors' key. Raises SiteError, also if nobody answers, and LogError.
    """
    async with open_log(settings, log) as opener:
        size = await opener.reader.size()
        found = await opener.fetch(number, 1)
    if not found:
        raise SiteError(explain_absence(log.name, number, size))
    opened, event = found[0], _read_file(found[0])
    if event is None or opened.payload is None:
        raise SiteError(f"{log.name}/{number} is no file that was held")
    actor, file = name_actor(), str(dict(event.details).get("file", ""))
    access = Access(actor, f"review-{act}", f"{log.name}/{number}", time.time_ns(), size, 1)
    access_id = await record_access(settings, access)
    evidence = prove_reading(file, 0, opened.payload)
    answer = await _ask(log, ReviewRequest(act, number, actor, reason, evidence), timeout_s)
    if answer.problem:
        raise SiteError(answer.problem)
    return access_id


async def release_named(settings: SiteFile, message: Submission, reason: str, timeout_s: float) -> list[str]:
    """Release the held files that a message names, before it goes out itself; return their records.

    Raises SiteError and LogError: then the message must stay.
    """
    links, log = load_file_links(settings), find_file_log(settings)
    if links is None or log is None:
        return []
    try:
        facts = read_stanza(message.body.decode())
    except (StanzaTextError, UnicodeDecodeError):
        return []
    named = {link.id.hex() for link in links.find_links((facts.text, facts.joined, *facts.attributes))}
    if not named:
        return []
    held = (await _ask(log, ReviewRequest(LIST), timeout_s)).held
    records = [each.record for each in held if each.to in named]
    for record in records:
        await decide_file(settings, log, record, "release", reason, timeout_s)
    return [f"{log.name}/{record}" for record in records]


async def _ask(log: LogSettings, request: ReviewRequest, timeout_s: float) -> ReviewAnswer:
    return await ask_writer(log.store, FILE_REQUEST_PREFIX, request, timeout_s, "the transfer component")


def _read_file(opened: OpenedRecord) -> Event | None:
    try:
        content = parse_record(RecordKind(opened.leaf.kind), opened.payload or b"")
    except ValueError:
        return None
    return content if isinstance(content, Event) and content.kind is RecordKind.FILE else None
