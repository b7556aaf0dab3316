"""The evidence for verifying a log: checkpoints kept elsewhere, witnesses, approvers of its orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.process.errors import SiteError
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from components.settings.witness import WitnessSettings
from components.verifier.verify import read_notes, read_recipients, read_vkeys


@dataclass(frozen=True, slots=True)
class Evidence:
    """Signed notes of any of the site's logs, verifier keys as texts, and the public keys of who may open records.

    Each of the `expected` witnesses, which were named on the command line, must have cosigned. One of the site's own
    witnesses may be new or out of reach.
    """

    checkpoints: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()

    def checkpoints_of(self, origin: str) -> list[str]:
        """Return the checkpoints of the log with this origin."""
        return [note for note in self.checkpoints if note.startswith(f"{origin}\n")]


def load_evidence(
    settings: SiteFile,
    checkpoints: Sequence[Path],
    witnesses: Sequence[str],
    approvers: Sequence[str],
    recipients: Sequence[str],
) -> Evidence:
    """Read the evidence that the command line and the site's settings name; raises SiteError and OSError.

    Whom the settings name as recipients proves nothing: whoever may change them could be one.
    """
    try:
        return Evidence(
            tuple(note for path in checkpoints for note in read_notes(path)),
            tuple(read_vkeys(each) for each in witnesses),
            tuple(_site_witnesses(settings.witness)),
            (
                *(read_vkeys(each) for each in approvers),
                *(path.read_text("utf-8") for path in settings.archive.approvers),
            ),
            tuple(read_recipients(each) for each in recipients),
        )
    except UnicodeDecodeError:
        raise SiteError("a file of checkpoints or keys is not a text file") from None


def require_logs(evidence: Evidence, logs: Sequence[LogSettings]) -> None:
    """Raise SiteError for a checkpoint that belongs to none of these logs, because it would prove nothing."""
    known = sum(len(evidence.checkpoints_of(log.origin)) for log in logs)
    if known != len(evidence.checkpoints):
        strays = len(evidence.checkpoints) - known
        origins = " or ".join(log.origin for log in logs)
        raise SiteError(f"{strays} of the checkpoints are not of {origins}; leave them out")


def read_witnessed(log: LogSettings) -> list[str]:
    """Read the cosigned checkpoints beside a log (docs/witness.md)."""
    try:
        return read_notes(log.witnessed) if log.witnessed.is_dir() else []
    except UnicodeDecodeError:
        raise SiteError(f"{log.witnessed}: holds a file that is not a text file; it was damaged") from None


def _site_witnesses(witness: WitnessSettings | None) -> list[str]:
    """Return the keys of the witnesses that the site asks, and of its own witness."""
    if witness is None:
        return []
    try:
        vkeys = ["\n".join(keys) for _, keys in witness.read_asked()]
    except (ValueError, OSError) as error:
        raise SiteError(f"witness.sites.keys: {error}") from None
    public = witness.key_file.with_suffix(".pub")
    if witness.cosign_own and public.exists():
        vkeys.append(public.read_text("utf-8"))
    return [each for each in vkeys if each.strip()]
