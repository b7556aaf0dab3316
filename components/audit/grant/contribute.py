"""Contributes a share to a grant: sealed to the collector, and bound to the grant's terms."""

from dataclasses import dataclass
from pathlib import Path

from components.archive.grant import GrantTerms
from components.archive.keys.recipient_text import parse_recipient
from components.archive.keys.share_file import read_share_file
from components.archive.keys.shares import ShareError, read_share
from components.archive.seal import EnvelopeOpener, SealError, open_envelopes, seal_envelopes
from components.audit.grant.file import Contribution, GrantFile, read_grant_file, write_grant_file
from components.process.errors import SiteError


@dataclass(frozen=True, slots=True)
class OpenedShare:
    """A contributed share in the clear, in memory alone; `number` is its own, not the one that the file says."""

    by: str
    number: int
    words: str


def contribute(path: Path, share: Path, by: str) -> GrantFile:
    """Add a share to a grant's file, and return the file; raises SiteError and KeyFileError.

    Whoever holds a share does this on a machine of their own: nothing but the share, sealed, gets into the file.
    """
    file = read_grant_file(path)
    if file.envelopes:
        raise SiteError(f"{file.terms.id} is issued already")
    words = read_share_file(share)
    try:
        set_, number = read_share(words)
    except ShareError as error:
        raise SiteError(f"{share}: {error}") from None
    collector = parse_recipient(file.terms.collector)
    sealed = seal_envelopes(words.encode(), _info(file.terms), [collector])
    added = file.with_contribution(Contribution(by, set_, number, sealed.decode()))
    write_grant_file(path, added)
    return added


def open_contributions(file: GrantFile, collector: EnvelopeOpener) -> list[OpenedShare]:
    """Open all contributed shares; raises SiteError for one that was made for another grant, or altered."""
    opened = []
    for each in file.contributions:
        what = f"the share of {each.by}"
        try:
            words = open_envelopes(each.sealed.encode(), _info(file.terms), [collector], what).decode()
            opened.append(OpenedShare(each.by, read_share(words)[1], words))
        except (SealError, ShareError, UnicodeDecodeError):
            raise SiteError(
                f"{what} was not contributed to this grant, or was altered: contribute it anew"
            ) from None
    return opened


def _info(terms: GrantTerms) -> bytes:
    return f"steelyard-grant-share/1\n{terms.digest()}\n".encode()
