"""Reviewers' acts on held files, and on those that a held message names (docs/review.md, section 6)."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.archive.keys import KeyFileError
from components.archive.opener import OpenedRecord
from components.archive.record import Access, Event, RecordKind, Submission, parse_record
from components.audit.access import record_access
from components.audit.asking import ask_writer
from components.audit.auditor import Auditor
from components.audit.author import Author
from components.audit.open_log import open_log
from components.audit.review.request import Decided, ask_for, note_answer
from components.audit.review.rules import load_directory
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
from components.rules.file_links import load_file_links, may_have_link
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from policy.content.stanza import StanzaTextError, read_stanza
from policy.supervision.act import ActKind
from policy.supervision.parties import find_parties
from policy.supervision.reviewer import may_see_parties


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


def find_visible(
    settings: SiteFile, auditor: Auditor, held: Sequence[HeldMessage]
) -> tuple[HeldMessage, ...]:
    """Return those that an auditor may see; raises SiteError."""
    if auditor.enterprises is None:
        return tuple(held)
    directory = load_directory(settings)
    parties = (find_parties(directory, (each.sender, each.to)) for each in held)
    return tuple(each for each, found in zip(held, parties, strict=True) if may_see_parties(auditor, found))


async def list_held_files(settings: SiteFile, timeout_s: float, auditor: Auditor) -> HeldFiles:
    """Return the files that wait for a reviewer; the caller records the look. Raises LogError."""
    log = find_file_log(settings)
    if log is None:
        return HeldFiles()
    try:
        held = (await _ask(log, ReviewRequest(LIST), timeout_s)).held
    except SiteError as error:
        return HeldFiles(problem=str(error))
    held = find_visible(settings, auditor, held)
    names: dict[int, str] = {}
    async with open_log(settings, log) as opener:
        for each in held:
            # Also a record that no checkpoint covers yet.
            for opened in await opener.fetch(each.record, 1):
                if event := _read_file(opened):
                    names[each.record] = str(dict(event.details).get("file_name", ""))
    return HeldFiles(held, names)


async def decide_file(
    settings: SiteFile,
    log: LogSettings,
    number: int,
    act: str,
    reason: str,
    timeout_s: float,
    author: Author,
) -> Decided:
    """Have a held file released or refused.

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
    file = str(dict(event.details).get("file", ""))
    access = Access(author.id, f"review-{act}", f"{log.name}/{number}", time.time_ns(), size, 1)
    access_id = await record_access(settings, access)
    evidence = prove_reading(file, 0, opened.payload)
    signed, request = ask_for(author, ActKind(act), log, number, reason, evidence)
    return await note_answer(settings, access_id, signed, await _ask(log, request, timeout_s))


async def release_named(
    settings: SiteFile,
    message: Submission,
    reason: str,
    timeout_s: float,
    author: Author,
    *,
    is_last: bool,
) -> list[str]:
    """Release the held files that a message names, before it goes out itself; return their records.

    `is_last`: the message goes out after this. Otherwise only those are decided on that wait for several people, too.
    Raises SiteError and LogError: then the message must stay.
    """
    log, named = find_file_log(settings), _find_named(settings, message)
    if log is None or not named:
        return []
    held = (await _ask(log, ReviewRequest(LIST), timeout_s)).held
    decided = []
    for each in held:
        has_decided = (author.id, "release") in each.votes
        if each.to not in named or not (is_last or (each.reviewers > 1 and not has_decided)):
            continue
        file = f"{log.name}/{each.record}"
        waits = has_decided
        if not has_decided:
            decision = await decide_file(settings, log, each.record, "release", reason, timeout_s, author)
            waits = decision.waits
        if waits and is_last:
            raise SiteError(f"the file {file} of this message waits for another person; the message stays")
        decided.append(file)
    return decided


def _find_named(settings: SiteFile, message: Submission) -> set[str]:
    """Return the ids of the site's files whose links are in a message; raises SiteError if nobody here can tell."""
    try:
        facts = read_stanza(message.body.decode())
    except (StanzaTextError, UnicodeDecodeError):
        return set()
    try:
        links = load_file_links(settings)
    except KeyFileError as error:
        if may_have_link(facts):
            raise SiteError(
                f"this message may name a file, which would have to be released first: {error}; bring that key here, or"
                " release the message on the site's server"
            ) from None
        return set()
    if links is None:
        return set()
    return {link.id.hex() for link in links.find_links_in(facts)}


async def _ask(log: LogSettings, request: ReviewRequest, timeout_s: float) -> ReviewAnswer:
    return await ask_writer(log.store, FILE_REQUEST_PREFIX, request, timeout_s, "the transfer component")


def _read_file(opened: OpenedRecord) -> Event | None:
    try:
        content = parse_record(RecordKind(opened.leaf.kind), opened.payload or b"")
    except ValueError:
        return None
    return content if isinstance(content, Event) and content.kind is RecordKind.FILE else None
