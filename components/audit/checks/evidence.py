"""What a log is verified against beside itself: checkpoints kept elsewhere, witnesses, approvers of its orders."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.archive.kept_checkpoints import kept_folder
from components.archive.store.open import log_file
from components.process.errors import SiteError
from components.settings.audit import LogSettings
from components.verifier.verify import read_notes, read_vkeys


@dataclass(frozen=True, slots=True)
class Evidence:
    """Signed notes of any of the site's logs, and verifier keys as texts.

    Of the witnesses that were asked for by name, `expected`, each must have cosigned; of the site's own, one may be
    new or out of reach.
    """

    checkpoints: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()

    def checkpoints_of(self, origin: str) -> list[str]:
        """Return the checkpoints of the log with this origin."""
        return [note for note in self.checkpoints if note.startswith(f"{origin}\n")]


def load_evidence(
    site_toml: Path, checkpoints: Sequence[Path], witnesses: Sequence[str], approvers: Sequence[str]
) -> Evidence:
    """Read what was named on the command line, and what the site's own settings name; raises SiteError, OSError."""
    tables = tomllib.loads(site_toml.read_text())
    folder = site_toml.resolve().parent
    named = [folder / Path(path).expanduser() for path in tables.get("archive", {}).get("approvers", [])]
    try:
        return Evidence(
            tuple(note for path in checkpoints for note in read_notes(path)),
            tuple(read_vkeys(each) for each in witnesses),
            tuple(_site_witnesses(tables.get("witness"), folder)),
            (*(read_vkeys(each) for each in approvers), *(path.read_text("utf-8") for path in named)),
        )
    except UnicodeDecodeError:
        raise SiteError("a file of checkpoints or keys is no text") from None


def require_logs(evidence: Evidence, logs: Sequence[LogSettings]) -> None:
    """Raise SiteError for a checkpoint that is of none of these logs: it would prove nothing."""
    known = sum(len(evidence.checkpoints_of(log.origin)) for log in logs)
    if known != len(evidence.checkpoints):
        strays = len(evidence.checkpoints) - known
        origins = " or ".join(log.origin for log in logs)
        raise SiteError(f"{strays} of the checkpoints are not of {origins}; leave them out")


def read_witnessed(log: LogSettings) -> list[str]:
    """Read the cosigned checkpoints that are kept beside a log (docs/witness.md)."""
    file = log_file(log.path)
    folder = kept_folder(file) if file is not None else None
    try:
        return read_notes(folder) if folder is not None and folder.is_dir() else []
    except UnicodeDecodeError:
        raise SiteError(f"{folder}: holds a file that is no text; it was damaged") from None


def _site_witnesses(table: dict[str, Any] | None, folder: Path) -> list[str]:
    """Return the keys of the witnesses that the site asks, and of its own."""
    if table is None:
        return []
    vkeys = ["\n".join(asked.get("vkeys", [])) for asked in table.get("asks", [])]
    if table.get("cosign_own", True) and "key_file" in table:
        public = (folder / Path(table["key_file"]).expanduser()).with_suffix(".pub")
        vkeys += [public.read_text("utf-8")] if public.exists() else []
    return [each for each in vkeys if each.strip()]
