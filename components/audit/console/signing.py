"""Signs acts of review where the console is one auditor's own, with the key that they have on this machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from components.archive.keys import KeyFileError, load_log_key, load_verifier_key
from components.archive.keys.reference import KeyReference, secret_files
from components.archive.log.note import NoteSigner
from components.process.errors import SiteError
from components.settings.console import ConsoleSettings
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class Signing:
    """For whom the console signs, and where their key is; it is read for each act, and not kept."""

    auditor: str
    key: KeyReference

    def open(self) -> NoteSigner:
        """Open the key; raises SiteError."""
        try:
            return load_log_key(self.key)
        except KeyFileError as error:
            raise SiteError(f"console.signer_key: {error}") from None


def find_signing(site: SiteFile, settings: ConsoleSettings) -> Signing | None:
    """Return for whom the console signs, None if for nobody; raises SiteError where it may not.

    It may on the auditor's own machine alone: whoever has the server could sign in the auditor's name there, and a
    decision that two people have to agree on could be that of one who has two keys.
    """
    if settings.signer is None or settings.signer_key is None:
        return None
    if there := next((file for file in _secrets_of_server(site) if file.exists()), None):
        raise SiteError(
            f"console.signer_key: {there.name} is here, so this machine is the server; the console signs only on an"
            " auditor's own machine (docs/console.md)"
        )
    listed = next((each.key for each in site.audit.auditors if each.id == settings.signer), None)
    signing = Signing(settings.signer, settings.signer_key)
    try:
        is_theirs = listed is not None and signing.open().verifier_key == load_verifier_key(listed)
    except KeyFileError as error:
        raise SiteError(f"audit.auditors: {error}") from None
    if not is_theirs:
        raise SiteError(f"console.signer_key is not the key of {settings.signer} in audit.auditors")
    return signing


def _secrets_of_server(site: SiteFile) -> Iterator[Path]:
    """Yield what only the server has: the keys of the line's logs, and what the gate says to the XMPP server."""
    for log in site.logs:
        if log != site.audit_log:
            yield from secret_files(log.key_file)
    yield site.gate.secret_file
