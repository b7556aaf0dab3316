"""An auditor who acts, with the key that signs what they do, in reviews and in matters (docs/auditor.md)."""

from dataclasses import dataclass
from pathlib import Path

from components.archive.keys import load_log_key
from components.archive.keys.reference import parse_key_reference
from components.archive.log.note import NoteSigner
from components.audit.auditor import Auditor
from components.process.errors import SiteError
from components.rules.reviewers import load_reviewers, sign_text
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class Author:
    """An auditor who acts, with their key, None where nobody has to sign."""

    auditor: Auditor
    signer: NoteSigner | None = None

    @property
    def id(self) -> str:
        """By whom their acts are recorded; a user of the operating system without a name has a space in theirs."""
        return self.auditor.id.replace(" ", "-")

    def sign(self, text: str) -> str:
        """Return the line of their signature on what they do, empty without a key; raises SiteError for another's."""
        return sign_text(self.id, text, self.signer) if self.signer else ""


def open_signer(key: str) -> NoteSigner:
    """Return the key at a place (docs/keys.md); raises KeyFileError and KeyReferenceError."""
    return load_log_key(parse_key_reference(key, Path.cwd()))


def open_author(settings: SiteFile, auditor: Auditor, key: str | None) -> Author:
    """Return an auditor with the key at a place (docs/keys.md), which they need where auditors have keys.

    Raises SiteError, KeyFileError and KeyReferenceError.
    """
    if key is not None:
        return Author(auditor, open_signer(key))
    if load_reviewers(settings).must_sign:
        raise SiteError(f"acts of auditors are signed here: name the key of {auditor.id} with --key")
    return Author(auditor)
