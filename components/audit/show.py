"""Shows one record in full, with its proof; the look is recorded before the record is returned."""

import os
import re
import time
from dataclasses import dataclass, replace

from components.archive.errors import LogDamaged, LogMissing
from components.archive.keys import KeyFileError, load_verifier_key
from components.archive.log.checkpoint import verify_checkpoint
from components.archive.log.leaf import encode_leaf
from components.archive.log.merkle import leaf_hash, verify_inclusion
from components.archive.opener import OpenedRecord, RecordOpener
from components.archive.orders.tombstoned import fetch_tombstoned
from components.archive.reader import LogReader
from components.archive.record import Access, Event, RecordKind, Submission
from components.audit.access import name_actor, record_access
from components.audit.asked import is_within
from components.audit.auditor import Auditor
from components.audit.index.logs import IndexedLog
from components.audit.indexed import (
    catch_up_logs,
    find_indexed,
    find_upload_views,
    open_indexed,
    open_site_index,
)
from components.audit.matter.acts import require_own_matter
from components.audit.open_log import open_log
from components.audit.owner import may_see
from components.audit.view import RecordView, view_record
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from policy.files.carried import CarriedFile, find_carried


@dataclass(frozen=True, slots=True)
class RecordProof:
    """The proof that a leaf is in the tree of the newest checkpoint (RFC 6962, 2.1.1); `fault` says why there is none.

    `note` is the signed checkpoint; `hashes` lead from the leaf to its root.
    """

    note: str
    size: int
    hashes: tuple[bytes, ...]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class RecordDetail:
    """One record with its proof; `access_id` is the record of this look."""

    view: RecordView
    proof: RecordProof
    access_id: str

    @property
    def leaf(self) -> bytes:
        """The leaf's 77 bytes (docs/archive-format.md, section 3)."""
        return encode_leaf(self.view.opened.leaf)

    @property
    def body(self) -> bytes:
        """The submitted bytes or, for other records, the whole payload."""
        content = self.view.content
        return content.body if isinstance(content, Submission) else self.view.opened.payload or b""

    @property
    def carried(self) -> tuple[CarriedFile, ...]:
        """The files that a stanza carries, and what it says of files elsewhere."""
        content = self.view.content
        is_stanza = isinstance(content, Submission) and content.kind == RecordKind.STANZA
        return find_carried(self.body) if is_stanza else ()

    @property
    def amended(self) -> bytes:
        """The stanza that was carried out instead, or waits for a reviewer; empty if it is the submitted one."""
        content = self.view.content
        return content.amended if isinstance(content, Submission) else b""


async def show(
    settings: SiteFile, record_id: str, progress: Progress, auditor: Auditor | None = None
) -> RecordDetail:
    """Fetch one record by its public id, such as `gate/100042` (also of the audit log: `audit/7`).

    An auditor of some enterprises is told of others' records what they are told of those that there are not; their own
    looks, and the acts in their matters, they may see. Raises SiteError if the id names no record or the look cannot be
    recorded, and LogError.
    """
    log, number = parse_record_id(settings, record_id)
    now_ns = time.time_ns()
    async with open_log(settings, log) as opener:
        size = await opener.reader.size()
        is_there = await _is_within(settings, log, number, auditor, progress) and number < size
        views = [
            await _view(settings, log, opener, opened, progress)
            for opened in (await opener.fetch(number, 1) if is_there else ())
        ]
        views = [view for view in views if await _may_show(settings, auditor, view)]
        found = [(view, await prove_view(log, opener.reader, view)) for view in views]
    actor = auditor.id if auditor else name_actor()
    access = Access(actor, "show", record_id, now_ns, size, len(found))
    access_id = await record_access(settings, access)
    for view in views:
        await require_own_matter(settings, view.content, auditor)
    for view, proof in found:
        return RecordDetail(view, proof, access_id)
    if auditor is not None and auditor.enterprises is not None:
        raise SiteError(f"there is no record {record_id} among what {auditor.id} may see")
    raise SiteError(explain_absence(log.name, number, size))


async def _is_within(
    settings: SiteFile, log: LogSettings, number: int, auditor: Auditor | None, progress: Progress
) -> bool:
    """Return whether the index has a record within what an auditor may see, or does not know whose records are.

    What is of others is not even opened: how long that takes would tell that it is there, and how large it is.
    """
    which = next((each for each, found in find_indexed(settings).items() if found == log), None)
    if auditor is None or auditor.enterprises is None or which is None or which is IndexedLog.AUDIT:
        return True
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_logs(settings, index, logs, progress)
            return await is_within(index, logs, which, number, auditor)


async def _may_show(settings: SiteFile, auditor: Auditor | None, view: RecordView) -> bool:
    if auditor is None or may_see(settings, auditor, view):
        return True
    if isinstance(view.content, Access):
        return view.content.actor == auditor.id
    if not isinstance(view.content, Event) or view.content.kind is not RecordKind.MATTER:
        return False
    try:
        await require_own_matter(settings, view.content, auditor)
    except SiteError:
        return False
    return True


async def _view(
    settings: SiteFile, log: LogSettings, opener: RecordOpener, opened: OpenedRecord, progress: Progress
) -> RecordView:
    missing = await is_missing(opener.reader, opened)
    indexed = find_indexed(settings)
    which = next((each for each, found in indexed.items() if found == log), None)
    if which is None:
        return replace(view_record(log.name, opened), missing=missing)
    names = {each: found.name for each, found in indexed.items()}
    try:
        async with open_indexed(settings) as logs:
            with open_site_index(settings) as index:
                await catch_up_logs(settings, index, logs, progress)
                files = find_upload_views(index, which.place(opened.index), (), names)
                return replace(view_record(log.name, opened, index), missing=missing, files=files)
    except LogMissing:
        # An upload, and nobody has said anything yet.
        return replace(view_record(log.name, opened), missing=missing)


async def is_missing(reader: LogReader, opened: OpenedRecord) -> bool:
    """Return whether a payload is gone without a tombstone, which would come after the record."""
    if opened.stored.payload is not None:
        return False
    return not (await fetch_tombstoned(reader.source, opened.index + 1)).covers(opened.leaf)


async def prove_view(log: LogSettings, reader: LogReader, view: RecordView) -> RecordProof:
    """Prove that a record is in the tree of its log's newest checkpoint, and is whole; raises LogUnavailable."""
    opened = view.opened
    stored = opened.stored
    note = (await reader.checkpoint()).decode()
    try:
        checkpoint = verify_checkpoint(note, load_verifier_key(log.verifier_key_file))
        hashes = await reader.inclusion_proof(stored.index, checkpoint.size)
        leaf = leaf_hash(encode_leaf(stored.leaf))
        verify_inclusion(stored.index, checkpoint.size, leaf, hashes, checkpoint.root)
    except (ValueError, LogDamaged, KeyFileError) as error:  # NoteError, CheckpointError, ProofError
        return RecordProof(note, 0, (), str(error))
    return RecordProof(note, checkpoint.size, tuple(hashes), _find_fault(view))


def _find_fault(view: RecordView) -> str:
    if view.missing:
        return "the record is missing: its payload is gone, and no tombstone says that it was destroyed"
    if not view.opened.stored.is_intact():
        return "the record is not the one that its leaf was made of"
    return view.opened.fault


def parse_record_id(settings: SiteFile, record_id: str) -> tuple[LogSettings, int]:
    """Find the log and the index that a record's public id names; raises SiteError."""
    _require_own(settings, *record_id.rpartition(":")[::2])
    name, _, number = record_id.rpartition("/")
    log = settings.find_log(name)
    if log is None or not re.fullmatch(r"[0-9]{1,18}", number):
        names = f"{settings.gate_log.name}/100042 or {settings.audit_log.name}/7"
        raise SiteError(f"{record_id!r} is no record's id: one looks like {names}")
    return log, int(number)


def _require_own(settings: SiteFile, site: str, record_id: str) -> None:
    """Refuse an id that begins with a site's name, as those of all sites do, and say how it is named here."""
    for other in settings.audit.sites:
        if site == other.name:
            where = f"--site {os.path.normpath(other.site)} or, where there is it, --at {site}"
            raise SiteError(f"{record_id} is a record of the site {site}: name it so, with {where}")
    if site and site == settings.site.name:
        raise SiteError(f"{site} is this site: say {record_id}")


def explain_absence(name: str, number: int, size: int) -> str:
    """Return why a log of `size` records has no record with this number."""
    if number < size:
        return f"record {name}/{number} is missing from the log: run `steelyard verify`"
    last = f"the last is {name}/{size - 1}" if size else "the log is empty"
    return f"there is no record {name}/{number}: {last}"
