"""Asks for a grant: works out its terms, records that, and writes the file for those who hold shares."""

import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from components.archive.grant import GrantTerms
from components.archive.keys import KeyFileError, load_recipient
from components.archive.keys.private import write_private
from components.archive.keys.recipient_text import encode_recipient, encode_recipient_key
from components.archive.record import Event, RecordKind
from components.archive.seal import Recipient, RecipientKey
from components.audit.access import record_finding
from components.audit.auditor import Auditor, Role, find_auditor
from components.audit.grant.file import GrantFile, write_grant_file
from components.audit.grant.fold import ASKED, write_numbers
from components.audit.grant.segments import SegmentChoice, choose_segments
from components.audit.matter.acts import find_matter
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
    settings: SiteFile, by: Auditor, ask: GrantRequest, path: Path | None
) -> tuple[Path, GrantFile]:
    """Record that a grant is asked for, and write its file and the collector's key beside it.

    The collector's private half must stay on this machine: contributed shares are sealed to it. Raises SiteError,
    KeyFileError and LogError.
    """
    by.require(Role.AUDITOR, Role.REVIEWER, Role.LEAD)
    now_ns = time.time_ns()
    if ask.until_ns <= now_ns:
        raise SiteError("the grant's time is over already")
    await _require_worthy(settings, by, ask)
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
    await record_finding(settings, _make_event(terms))
    # Killed here: a request that nobody can contribute to; ask again.
    write_private(collector_file(path), encode_recipient_key(collector))
    file = GrantFile(terms)
    write_grant_file(path, file)
    return path, file


def collector_file(path: Path) -> Path:
    """Return the file of the private key to which the shares for a grant are sealed."""
    return path.with_suffix(_ENDING)


def find_recipient(settings: SiteFile, name: str) -> Recipient:
    """Return the public key of a recipient of segments by its name, or by the id of its key; raises SiteError."""
    try:
        known = [load_recipient(path) for path in settings.archive.recipients]
    except KeyFileError as error:
        raise SiteError(str(error)) from None
    for each in known:
        if name in (each.name, each.key_id):
            return each
    names = " or ".join(each.name for each in known)
    raise SiteError(f"{name} is no recipient of this site's segments: name {names}")


async def _require_worthy(settings: SiteFile, by: Auditor, ask: GrantRequest) -> None:
    """Check that the auditor is one, and works on the matter, which is open; raises SiteError."""
    auditor = find_auditor(settings, ask.auditor)
    auditor.require(Role.AUDITOR, Role.REVIEWER, Role.LEAD)
    if ask.matter:
        matter = await find_matter(settings, by, ask.matter)
        if not matter.is_open:
            raise SiteError(f"the matter {ask.matter} is closed; re-open it first")
        if ask.auditor not in matter.people:
            raise SiteError(f"{ask.auditor} does not work on {ask.matter}; add them with `matter people`")


def _make_event(terms: GrantTerms) -> Event:
    details: dict[str, str | int] = {
        "grant": terms.id,
        "log": terms.log,
        "segments": write_numbers(terms.segments),
        "auditor": terms.auditor,
        "key_id": terms.key_id,
        "until_ns": terms.until_ns,
        "matter": terms.matter,
        "reason": terms.reason,
        "digest": terms.digest(),
        "by": terms.asked_by,
    }
    return Event(RecordKind.MATTER, ASKED, tuple(sorted(details.items())), terms.asked_at_ns)
