"""Verifies the site's logs with the single-file verifier, against all available evidence."""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.archive.backup.mirror import mirror_log
from components.archive.errors import LogMissing
from components.archive.store.open import log_file, may_exist, store_label
from components.audit.checks.evidence import Evidence, read_witnessed, require_logs
from components.audit.checks.verify_blobs import BlobReport, verify_blobs
from components.process.errors import SiteError
from components.process.progress import Bars
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from components.settings.transfer import TransferSettings
from components.verifier.log import verify_log
from components.verifier.report import Report
from components.verifier.tiles import verify_tiles

Reports = Mapping[str, Report | None]


@dataclass(frozen=True, slots=True)
class Verified:
    """The reports of logs, and that of files, if there are any that were verified."""

    reports: Reports
    files: BlobReport | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        logs = all(report is None or report.ok for report in self.reports.values())
        return logs and (self.files is None or self.files.ok)


@dataclass(frozen=True, slots=True)
class LogChoice:
    """Which log to verify, by name, and from where: `url` is the address of one log's tiles."""

    log: str | None = None
    url: str | None = None


def verify_site(settings: SiteFile, scope: LogChoice, evidence: Evidence, bars: Bars) -> Reports:
    """Verify logs; return None for a log that does not exist yet. Raises SiteError, UsageError and OSError."""
    logs = _choose(settings, scope)
    require_logs(evidence, settings.verified_logs)
    if scope.url is not None:
        return {log.name: _verify_tiles(log, scope.url, evidence, bars) for log in logs}
    reports: dict[str, Report | None] = {}
    for log in logs:
        # The first look makes the auditors' log. The first start of its writer makes any other log.
        there = log == settings.gate_log or may_exist(log.store)
        try:
            if not may_exist(log.store):
                _require_never_begun(log)
            reports[log.name] = _verify(log, evidence, bars) if there else None
        except LogMissing:
            if log == settings.gate_log:
                raise
            _require_never_begun(log)
            reports[log.name] = None
    return reports


def verify_files(settings: SiteFile, scope: LogChoice, bars: Bars) -> BlobReport | None:
    """Verify the files that people sent, if their log is verified from the site itself; None if there are none.

    Raises SiteError, KeyFileError and LogError.
    """
    if scope.url is not None or settings.find(TransferSettings) is None:
        return None
    if all(log.table != TransferSettings.table_name for log in _choose(settings, scope)):
        return None
    return asyncio.run(verify_blobs(settings, bars))


def _choose(settings: SiteFile, scope: LogChoice) -> Sequence[LogSettings]:
    if scope.log is None:
        # Tiles belong to one log: the gate's, unless another is named.
        return [settings.gate_log] if scope.url is not None else settings.verified_logs
    return [settings.require_log(scope.log)]


def _require_never_begun(log: LogSettings) -> None:
    """Raise SiteError for a log that is not there, and in which something was signed."""
    if log.is_begun:
        raise SiteError(
            f"{store_label(log.store)} is gone, and records were signed in it; docs/backup.md, section 3, says what to "
            "do, and `--log` verifies one of the others"
        )


def _verify(log: LogSettings, evidence: Evidence, bars: Bars) -> Report:
    file = log_file(log.store)
    if file is not None:
        return _verify_file(file, log, evidence, bars)
    # The verifier reads nothing but SQLite, so that it needs nothing of ours.
    with tempfile.TemporaryDirectory(prefix="steelyard-verify-") as folder:
        file = Path(folder) / f"{log.name}.db"
        with bars(f"Reading {store_label(log.store)}", "rows") as progress:
            asyncio.run(mirror_log(log.store, file, progress))
        return _verify_file(file, log, evidence, bars)


def _verify_file(file: Path, log: LogSettings, evidence: Evidence, bars: Bars) -> Report:
    # The first of the log's keys: the log itself leads from there to the later ones.
    first_key = log.verifier_key_file.read_text("utf-8").partition("\n")[0]
    kept, optional = _kept(log, evidence), not evidence.expected
    with bars(f"Verifying {log.name}", "records") as progress:
        return verify_log(
            file,
            first_key,
            progress,
            *kept,
            evidence.approvers,
            witnesses_may_be_missing=optional,
            recipients=evidence.recipients,
        )


def _verify_tiles(log: LogSettings, url: str, evidence: Evidence, bars: Bars) -> Report:
    # Tiles do not show changes of the key, so any key of the log may have signed.
    keys = log.verifier_key_file.read_text("utf-8")
    kept, optional = _kept(log, evidence), not evidence.expected
    with bars(f"Verifying {url}", "records") as progress:
        return verify_tiles(url, keys, progress, *kept, witnesses_may_be_missing=optional)


def _kept(log: LogSettings, evidence: Evidence) -> tuple[Sequence[str], Sequence[str]]:
    """Return the checkpoints of a log that are kept elsewhere, and the keys of its witnesses."""
    known = [*evidence.checkpoints_of(log.origin), *read_witnessed(log)]
    return known, [*evidence.expected, *evidence.witnesses]
