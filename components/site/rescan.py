"""Looks into kept files again, with the rules, signatures and lists of today; what it finds is a record."""

import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from components.archive.blobs.errors import BlobError
from components.archive.blobs.reader import BlobReader, OpenBlob
from components.archive.blobs.store import StoredBlob
from components.archive.opener import RecordOpener
from components.archive.record import Access, Event, RecordKind
from components.audit.access import name_actor, record_access, record_finding
from components.audit.auditor import Auditor, Role, name_of
from components.audit.files.list import Chosen, FileFilter
from components.audit.files.record import FileRecord, find_transfer, parse_file, read_file_records
from components.audit.open_log import open_log
from components.audit.owner import check_owner
from components.link.review_request import prove_reading
from components.process.progress import Bars, Progress
from components.rules.denied_hashes import load_denied_hashes
from components.rules.follow import RulesFollower
from components.rules.load import load_sources
from components.settings.blobs import open_objects
from components.settings.site import SiteFile
from components.settings.transfer import TransferSettings
from components.site.rescan_shut import Shutter, find_shutting
from components.transfer.checks import FileChecks, Looked
from components.transfer.deciding import FileDecider
from components.transfer.inspect.assemble import open_inspector
from components.transfer.quarantine import Quarantine
from components.transfer.scan.scanner import Scanner
from components.transfer.state import Upload
from policy.address import BareJid
from policy.directory.enterprise import EnterpriseId
from policy.files.slot import Purpose

_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class FileFinding:
    """What is found in a file today that its record does not say: `record_id` is the record of that.

    `action` is what the rules would do with the file if it came now. If it had to be shut, `is_shut` tells whether that
    is so, and `problem` why not.
    """

    file: FileRecord
    marks: tuple[str, ...]
    rules: tuple[str, ...]
    action: str
    signature: str
    record_id: str
    is_shut: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Rescan:
    """The result of looking into files again; `unopened` counts those whose blobs are damaged or missing."""

    looked: int
    unopened: int
    findings: tuple[FileFinding, ...]
    access_id: str


async def rescan_files(
    settings: SiteFile,
    wanted: FileFilter,
    bars: Bars,
    auditor: Auditor | None = None,
    *,
    report_only: bool = False,
) -> Rescan:
    """Look into the chosen files again, and have those shut that are open, and would be held or refused today.

    An auditor of some enterprises looks into the files of their people.

    Raises SiteError, also if the look or a finding cannot be recorded, QueryError, RulesError, KeyFileError, LogError.
    """
    now_ns = time.time_ns()
    if auditor is not None:
        auditor.require(Role.AUDITOR, Role.REVIEWER, Role.LEAD)
    chosen = _Choice(Chosen.by(wanted, now_ns), check_owner(settings, auditor))
    _transfer, log_settings = find_transfer(settings)
    async with AsyncExitStack() as stack:
        log = await stack.enter_async_context(open_log(settings, log_settings))
        size = await log.reader.size()
        with bars("Reading", "records") as progress:
            count = 0
            async for _ in _find(log, log_settings.name, chosen, progress):
                count += 1
        access = Access(name_of(auditor), "files rescan", str(wanted), now_ns, size, count)
        access_id = await record_access(settings, access)
        shutter = None if report_only else Shutter(log_settings)
        rescanner = await _Rescanner.open(settings, log, shutter, stack)
        with bars("Looking into files", "files") as progress:
            async for file, evidence in _find(log, log_settings.name, chosen, lambda _done, _total: None):
                await rescanner.look(file, evidence)
                progress(rescanner.looked + rescanner.unopened, count)
    return Rescan(rescanner.looked, rescanner.unopened, tuple(rescanner.findings), access_id)


@dataclass(frozen=True, slots=True)
class _Choice:
    chosen: Chosen
    is_seen: Callable[[str], bool]

    def has(self, file: FileRecord) -> bool:
        return self.chosen.has(file) and self.is_seen(file.owner)


async def _find(
    log: RecordOpener, log_name: str, chosen: _Choice, progress: Progress
) -> AsyncIterator[tuple[FileRecord, str]]:
    """Yield the chosen files, each with what proves that its record was read."""
    async for opened in read_file_records(log, progress):
        file = parse_file(log_name, opened)
        if file is not None and file.intact and chosen.has(file):
            yield file, prove_reading(file.file, 0, opened.payload or b"")


class _Rescanner:
    """Looks into one file after the other."""

    def __init__(
        self,
        settings: SiteFile,
        checks: FileChecks,
        decider: FileDecider,
        blobs: BlobReader,
        shutter: Shutter | None,
    ) -> None:
        self.looked = 0
        self.unopened = 0
        self.findings: list[FileFinding] = []
        self._settings = settings
        self._checks = checks
        self._decider = decider
        self._blobs = blobs
        self._shutter = shutter

    @classmethod
    async def open(
        cls, settings: SiteFile, log: RecordOpener, shutter: Shutter | None, stack: AsyncExitStack
    ) -> "_Rescanner":
        """Open what is needed until the stack ends."""
        transfer = settings.require(TransferSettings)
        objects = open_objects(transfer)
        stack.push_async_callback(objects.close)
        inspector = open_inspector(transfer.inspect)
        stack.push_async_callback(inspector.close)
        scanner = Scanner(transfer.clamd, lambda _reason: None, lambda: None) if transfer.clamd else None
        denied = load_denied_hashes(transfer.denied_hashes) if transfer.denied_hashes else None
        checks = FileChecks(
            inspector, scanner, lambda sha256: denied is not None and denied.find(sha256) is not None
        )
        decider = FileDecider(
            RulesFollower(load_sources(settings)).rules,
            transfer.limits.for_slots.refused_types,
            must_be_scanned=transfer.clamd is None or transfer.clamd.when_down == "refuse",
        )
        return cls(settings, checks, decider, BlobReader(objects, log.origin, log.keys), shutter)

    async def look(self, file: FileRecord, evidence: str) -> None:
        """Look into a file, record what its record does not say, and have it shut if it is so; raises SiteError."""
        upload = _as_upload(file)
        try:
            blob = await self._blobs.open(file.blob)
            looked = await self._look(blob, upload)
        except BlobError:  # `steelyard verify` names it
            self.unopened += 1
            return
        self.looked += 1
        stored = StoredBlob(file.blob, blob.size_bytes, blob.sha256, is_new=False)
        facts = self._checks.facts(upload, stored, looked)
        decision = self._decider.decide(facts, overdue=looked.overdue)
        marks = tuple(sorted({mark.value for mark in facts.content.marks} - set(file.marks)))
        shuts = None if looked.overdue else find_shutting(self._decider, file, facts)
        # A rule that flagged it then, and refuses it now, is not new.
        rules = tuple(sorted(set(decision.rules) - set(file.rules))) or (shuts.rules if shuts else ())
        if not (marks or rules):
            return
        finding = await self._record(file, marks, rules, decision.action.value, looked.scanned.signature)
        if shuts and self._shutter:
            is_shut, problem = await self._shutter.shut(file, evidence, shuts, finding.record_id)
            finding = replace(finding, is_shut=is_shut, problem=problem)
        self.findings.append(finding)

    async def _look(self, blob: OpenBlob, upload: Upload) -> Looked:
        with Quarantine(Path(tempfile.gettempdir()), blob.size_bytes) as quarantine:
            async for piece in blob.read():
                await quarantine.add(piece)
            await quarantine.flush()
            return await self._checks.look(quarantine, upload, _WITHIN_S)

    async def _record(
        self, file: FileRecord, marks: tuple[str, ...], rules: tuple[str, ...], action: str, signature: str
    ) -> FileFinding:
        details = {
            "actor": name_actor(),
            "record": file.id,
            "content_sha256": file.sha256,
            "marks": " ".join(marks),
            "rules": " ".join(rules),
            "action": action,
            "signature": signature,
        }
        event = Event(RecordKind.FILE, "found", tuple(details.items()), time.time_ns())
        record_id = await record_finding(self._settings, event)
        return FileFinding(file, marks, rules, action, signature, record_id)


def _as_upload(file: FileRecord) -> Upload:
    """Return the upload that a record speaks of, as the checks take it."""
    purposes = {purpose.value: purpose for purpose in Purpose}
    return Upload(
        bytes.fromhex(file.file), BareJid(file.owner), EnterpriseId(""), file.name, file.media_type,
        file.size_bytes, purposes.get(file.purpose, Purpose.MESSAGE), 0, 0, 0,
    )  # fmt: skip
