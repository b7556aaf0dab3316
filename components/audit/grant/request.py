"""Asks for a grant: works out its terms, records that, and writes the file for those who hold shares."""

import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from components.archive.grant import GrantTerms
from components.archive.keys import KeyFileError, load_recipient
from components.archive.keys.private import write_private
from components.archive.keys.recipient_text import encode_recipient, encode_recipient_key
from components.archive.seal import Recipient, RecipientKey
from components.audit.access import record_finding
from components.audit.auditor import Role, find_auditor
from components.audit.author import Author
from components.audit.grant.file import GrantFile, write_grant_file
from components.audit.grant.fold import write_numbers
from components.audit.grant.segments import SegmentChoice, choose_segments
from components.audit.matter.acts import fetch_matters, find_matter
from components.audit.matter.record import make_deed, make_event
from components.audit.matter.values import Detail, GrantAct
from components.process.errors import SiteError
from components.settings.log import LogSettings
from components.settings.site import SiteFile

COLLECTOR = "collector"
_ENDING = ".collector"


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """What is asked for: what to open of which log, for which auditor's own key, until when, and why.

    `recipient` is the file of the auditor's public key, `opened_with` the name of the recipient whose key is in shares.
    """

    auditor: str
    recipient: Path
    log: LogSettings
    choice: SegmentChoice
    until_ns: int
    opened_with: str
    matter: str
    reason: str


async def request_grant(
    settings: SiteFile, author: Author, ask: GrantRequest, path: Path | None
) -> tuple[Path, GrantFile]:
    """Record that a grant is asked for, and write its file and the collector's key beside it.

    The collector's private half must stay on this machine: contributed shares are sealed to it. Raises SiteError,
    KeyFileError and LogError.
    """
    by = author.auditor
    by.require(Role.AUDITOR, Role.REVIEWER, Role.LEAD)
    now_ns = time.time_ns()
    if ask.until_ns <= now_ns:
        raise SiteError("the grant's time is over already")
    if ask.matter:
        await find_matter(settings, by, ask.matter)
    await require_worthy(settings, ask.auditor, ask.matter)
    segments = await choose_segments(settings, ask.log, ask.choice)
    collector = RecipientKey(COLLECTOR, X25519PrivateKey.generate())
    terms = GrantTerms(
        f"G-{time.gmtime().tm_year}-{secrets.token_hex(3)}",
        ask.log.origin,
        segments,
        ask.auditor,
        encode_recipient(load_recipient(ask.recipient)),
        encode_recipient(collector.recipient),
        find_recipient(settings, ask.opened_with).key_id,
        ask.until_ns,
        ask.matter,
        ask.reason,
        by.id,
        now_ns,
    )
    path = path or Path(f"{terms.id}.grant")
    details = _describe(terms)
    deed = make_deed(author, GrantAct.REQUEST, terms.matter, settings.audit_log.origin, details)
    await record_finding(settings, make_event(deed))
    # Killed here: a request that nobody can contribute to; ask again.
    write_private(collector_file(path), encode_recipient_key(collector))
    file = GrantFile(terms)
    write_grant_file(path, file)
    return path, file


def collector_file(path: Path) -> Path:
    """Return the file of the private key to which the shares for a grant are sealed."""
    return path.with_suffix(_ENDING)


def find_recipient(settings: SiteFile, name: str) -> Recipient:
    """Return the public key of a recipient of segments by its name, or by the id of its key; raises SiteError.

    By its id, it may also be one that was a recipient before, if its public half still lies beside the others.
    """
    try:
        known = [load_recipient(path) for path in settings.archive.recipients]
    except KeyFileError as error:
        raise SiteError(str(error)) from None
    for each in known:
        if name in (each.name, each.key_id):
            return each
    for each in _find_retired(settings):
        if name == each.key_id:
            return each
    names = " or ".join(each.name for each in known)
    raise SiteError(
        f"{name} is no recipient of this site's segments: name {names}, or the id of a key of before whose public half"
        " lies beside theirs"
    )


def _find_retired(settings: SiteFile) -> Iterator[Recipient]:
    for folder in dict.fromkeys(path.parent for path in settings.archive.recipients):
        for path in sorted(folder.glob("*.pub")):
            with suppress(KeyFileError):  # a key of another kind
                yield load_recipient(path)


async def require_worthy(settings: SiteFile, who: str, matter: str) -> None:
    """Check that who is to read is an auditor, and works on the open matter; raises SiteError and LogError."""
    auditor = find_auditor(settings, who)
    auditor.require(Role.AUDITOR, Role.REVIEWER, Role.LEAD)
    if not matter:
        return
    found = (await fetch_matters(settings)).matters.get(matter)
    if found is None or not found.is_open:
        raise SiteError(f"the matter {matter} is closed; re-open it first")
    if who not in found.people:
        raise SiteError(f"{who} does not work on {matter}; add them with `matter people`")


def _describe(terms: GrantTerms) -> dict[str, Detail]:
    return {
        "grant": terms.id,
        "log": terms.log,
        "segments": write_numbers(terms.segments),
        "auditor": terms.auditor,
        "key_id": terms.key_id,
        "until_ns": terms.until_ns,
        "reason": terms.reason,
        "digest": terms.digest(),
    }
