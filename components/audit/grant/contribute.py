"""Contributes a share to a grant: sealed to the collector, and bound to the grant's terms."""

import secrets
import time
from dataclasses import dataclass, replace
from pathlib import Path

from components.archive.grant import GrantTerms
from components.archive.keys.recipient_text import parse_recipient
from components.archive.keys.share_file import read_share_file
from components.archive.keys.shares import ShareError, read_share
from components.archive.log.note import NoteSigner
from components.archive.seal import EnvelopeOpener, SealError, open_envelopes, seal_envelopes
from components.audit.grant.file import Contribution, GrantFile, read_grant_file, write_grant_file
from components.audit.matter.record import encode_deed
from components.audit.matter.values import MatterError
from components.process.errors import SiteError
from components.rules.reviewers import Reviewers, sign_text
from components.settings.auditors import AUDITOR_KEY
from policy.supervision.once import CLOCK_SLACK_S


@dataclass(frozen=True, slots=True)
class OpenedShare:
    """A contributed share in the clear, in memory alone; `number` is its own, not the one that the file says."""

    by: str
    number: int
    words: str


def contribute(path: Path, share: Path, by: str, signer: NoteSigner | None = None) -> GrantFile:
    """Add a share to a grant's file, signed with a key, and return the file; raises SiteError and KeyFileError.

    Whoever holds a share does this on a machine of their own: nothing but the share, sealed, gets into the file.
    """
    file, now_ns = read_grant_file(path), time.time_ns()
    if file.envelopes:
        raise SiteError(f"{file.terms.id} is issued already")
    if now_ns >= file.terms.until_ns:
        raise SiteError(f"{file.terms.id} is over: ask for another grant")
    words = read_share_file(share)
    try:
        set_, number = read_share(words)
    except ShareError as error:
        raise SiteError(f"{share}: {error}") from None
    collector = parse_recipient(file.terms.collector)
    sealed = seal_envelopes(words.encode(), _info(file.terms), [collector])
    made = Contribution(by, set_, number, sealed.decode(), now_ns // 10**9, secrets.token_hex(8))
    added = file.with_contribution(_sign(file.terms, made, signer))
    write_grant_file(path, added)
    return added


def name_contributor(signer: NoteSigner) -> str:
    """Return whose key it is: it is an auditor's. Raises SiteError for another key."""
    name = signer.verifier_key.name
    if not name.startswith(AUDITOR_KEY):
        raise SiteError(f"{name} is no auditor's key; `steelyard keys make ID --auditor` makes one")
    return name.removeprefix(AUDITOR_KEY)


def _sign(terms: GrantTerms, made: Contribution, signer: NoteSigner | None) -> Contribution:
    if signer is None:
        return made
    try:
        return replace(made, signature=sign_text(made.by, encode_deed(made.as_deed(terms)), signer))
    except MatterError as error:
        raise SiteError(str(error)) from None


def find_contribution_problem(file: GrantFile, made: Contribution, reviewers: Reviewers, now_s: int) -> str:
    """Return why a contribution does not count as that of whom it names, or nothing; where auditors have keys."""
    if not reviewers.must_sign:
        return ""
    if (
        made.signature
        and not file.terms.asked_at_ns // 10**9 <= made.at_s + CLOCK_SLACK_S <= now_s + 2 * CLOCK_SLACK_S
    ):
        return "it was signed at another time than between the request and now"
    try:
        text = encode_deed(made.as_deed(file.terms)) if made.signature else ""
    except MatterError as error:
        return str(error)
    return reviewers.find_signature_problem(made.by, text, made.signature, now_s)


def open_contributions(file: GrantFile, collector: EnvelopeOpener) -> list[OpenedShare]:
    """Open all contributed shares; raises SiteError for one that was made for another grant, or altered."""
    opened = []
    for each in file.contributions:
        what = f"the share of {each.by}"
        try:
            words = open_envelopes(each.sealed.encode(), _info(file.terms), [collector], what).decode()
            number = read_share(words)[1]
            if each.signature and number != each.number:
                raise SiteError(f"{what} is share {number}, and not {each.number}, as was signed")
            opened.append(OpenedShare(each.by, number, words))
        except (SealError, ShareError, UnicodeDecodeError):
            raise SiteError(
                f"{what} was not contributed to this grant, or was altered: contribute it anew"
            ) from None
    return opened


def _info(terms: GrantTerms) -> bytes:
    return f"steelyard-grant-share/1\n{terms.digest()}\n".encode()
