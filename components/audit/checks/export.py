"""Checks an export as whoever gets it does, with the shipped verifier, and says what to do about what is wrong."""

import time
from dataclasses import dataclass
from pathlib import Path

from components.archive.record import Access
from components.audit.access import name_actor, record_access
from components.audit.sites.named import open_sites
from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.verifier.export import ExportReport
from components.verifier.sites import verify_any_export

ACT = "export check"

_COPY = "The folder is not as it was made: copy it again from where it was made, or export again."
_RECORDS = (
    "What is here is not what the line recorded: hand nothing of it over. Run `steelyard verify`; if the log is sound,"
    " export again, else keep both and tell who answers for the archive."
)
_OF_LOGS = (
    "No key that was given signed this: name the keys of the line that made it with --key (`log-gate.pub`,"
    " `log-audit.pub`, with files also `log-transfer.pub`). If they are right, the log was changed: run"
    " `steelyard verify`."
)
ADVICE = {
    "file-missing": _COPY,
    "file-altered": _COPY,
    "file-added": "Remove what does not belong to the export, or hand over the folder as it was made.",
    "count-wrong": _RECORDS,
    "digest-wrong": _RECORDS,
    "line-altered": _RECORDS,
    "record-altered": _RECORDS,
    "record-missing": _RECORDS,
    "not-proved": _OF_LOGS,
    "manifest-unproved": _OF_LOGS,
}
"""What to do about each kind of problem that the verifier finds."""


@dataclass(frozen=True, slots=True)
class CheckedExport:
    """An export that was checked; `access_id` is the record of this look."""

    folder: Path
    report: ExportReport
    access_id: str


async def check_export(settings: SiteFile, folder: Path, keys: tuple[Path, ...] = ()) -> CheckedExport:
    """Check an export with the public keys of this site's logs, and of those of `audit.sites`, or with others.

    Raises SiteError and UsageError.
    """
    report = verify_any_export(folder, _read_keys(settings, keys))
    access = Access(name_actor(), ACT, report.export, time.time_ns(), 0, len(report.problems))
    return CheckedExport(folder, report, await record_access(settings, access))


def advise(report: ExportReport) -> tuple[str, ...]:
    """Return what to do, each advice once."""
    return tuple(dict.fromkeys(ADVICE[problem.kind] for problem in report.problems))


def _read_keys(settings: SiteFile, keys: tuple[Path, ...]) -> list[str]:
    own = (log.verifier_key_file for site in open_sites(settings)[0] for log in site.settings.verified_logs)
    paths = keys or tuple(path for path in own if path.exists())
    try:
        return [path.read_text("utf-8") for path in paths]
    except (OSError, UnicodeDecodeError) as error:
        raise SiteError(f"a public key of a log cannot be read: {error}") from None
