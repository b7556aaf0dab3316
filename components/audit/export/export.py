"""Exports what a query matches: the look is recorded before the first byte is written, and its end, too."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from components.archive.keys import KeyFileError, load_verifier_key
from components.archive.log.checkpoint import verify_checkpoint
from components.archive.record import Access
from components.audit.access import Purpose, get_purpose, name_actor, record_access
from components.audit.auditor import Auditor, Role
from components.audit.export.collect import Collector
from components.audit.export.destroyed import drop_destroyed
from components.audit.export.finish import record_completion
from components.audit.export.folder import (
    MANIFEST,
    MANIFEST_PROOF,
    MANIFEST_RECORD,
    MATCHED,
    ExportFolder,
)
from components.audit.export.format import About, Format
from components.audit.export.formats import FORMATS
from components.audit.export.manifest import (
    Counts,
    ExportedLog,
    Started,
    encode_started,
    make_manifest,
    parse_started,
)
from components.audit.export.sources import open_sources
from components.audit.export.spool import Spool
from components.audit.export.write import count_records, require_whole, write_about, write_files, write_proofs
from components.audit.index.logs import IndexedLog, find_record
from components.audit.index.pages import name_place
from components.audit.indexed import find_indexed, open_indexed
from components.audit.purpose import check_purpose
from components.audit.query.tree import format_query
from components.audit.search import FoundIds, find_ids
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile

_STARTED = "started"
_OURS = (MANIFEST, MANIFEST_RECORD, MANIFEST_PROOF)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to export: a query's results in a format; `limit` is how many may match at most, 0 for any number."""

    query: str
    format: str
    zone: str = "UTC"
    matter: str = ""
    reason: str = ""
    limit: int = 0


@dataclass(frozen=True, slots=True)
class ExportResult:
    """An export that is complete; `access_id` is the record of this look, `completed_id` that of its completion.

    `keys` are the files of the public keys with which others check it.
    """

    folder: Path
    format: str
    counts: Counts
    files: int
    access_id: str
    completed_id: str
    keys: tuple[str, ...]


async def export(
    settings: SiteFile, wanted: Wanted, output: Path, progress: Progress, auditor: Auditor | None = None
) -> ExportResult:
    """Export what a query matches to a folder, which must be empty or new.

    Raises QueryError, SiteError, also if the look cannot be recorded, and LogError.
    """
    if auditor:
        auditor.require(Role.AUDITOR, Role.REVIEWER, Role.LEAD)
    folder = ExportFolder(output)
    folder.require_free()
    format_, zone = find_format(wanted.format), find_zone(wanted.zone)
    if auditor:
        await _check_matter(settings, auditor, wanted.matter)
    found = await find_ids(settings, wanted.query, progress, auditor)
    matter = wanted.matter or get_purpose().matter_at(settings.audit_log.origin)
    now_ns, query = time.time_ns(), format_query(found.query)
    actor = auditor.id if auditor else name_actor()
    logs = await _read_heads(settings, {find_record(place)[0] for place in found.places})
    access = Access(
        actor,
        "export",
        query,
        now_ns,
        found.log_size,
        len(found),
        found.digest,
        matter,
        wanted.reason,
        found.log_sizes,
        found.as_of.index_format,
    )
    access_id = await record_access(settings, access)
    # Only now: how many match is what a search tells.
    _require_exportable(found, wanted)
    site = settings.gate_log.origin.partition("/")[0]
    made_by = version("steelyard")
    about = About(access_id, site, query, matter, wanted.zone, zone, now_ns, len(found), made_by, actor)
    started = Started(about, wanted.format, actor, found.log_size, found.digest, logs)
    folder.make()
    with folder.locked(), _new_spool(folder) as spool:
        # Killed before this commit: what is there cannot be gone on with.
        with spool.change():
            spool.add_matched(found.places)
            spool.note(_STARTED, encode_started(started))
        return await _complete(settings, folder, spool, started, format_, progress, auditor)


async def _check_matter(
    settings: SiteFile, auditor: Auditor, matter: str, *, has_begun: bool = False
) -> None:
    """Check that an export may be for a matter, as `check_purpose` does; raises PurposeError and LogError.

    That one of another site is open was checked there, where it is: for this task, or when the export began.
    """
    is_elsewhere = ":" in matter and (
        has_begun or matter == get_purpose().matter_at(settings.audit_log.origin)
    )
    if not is_elsewhere:
        await check_purpose(settings, auditor, Purpose(matter))


def _require_exportable(found: FoundIds, wanted: Wanted) -> None:
    """Refuse more records than are allowed, or than a regular expression was looked for in; raises SiteError."""
    if 0 < wanted.limit < len(found):
        raise SiteError(
            f"{len(found):,} records match, and --limit allows {wanted.limit:,}: nothing is exported"
        )
    if found.is_cut:
        raise SiteError(
            "more records than a search looks into might match the regular expression: narrow the query by dates"
        )


async def resume(
    settings: SiteFile, output: Path, progress: Progress, auditor: Auditor | None = None
) -> ExportResult:
    """Go on with an export that was stopped; the result is the same, byte for byte, but for its completion's record.

    Raises as `export` does.
    """
    folder = ExportFolder(output)
    folder.require_begun()
    with folder.locked(), _begun_spool(folder) as spool:
        if not (noted := spool.get(_STARTED)):
            raise SiteError(
                f"{output}: this export was stopped before it began; remove the folder, and begin again"
            )
        started = parse_started(noted)
        actor, about = auditor.id if auditor else name_actor(), started.about
        # It holds what its own auditor may see.
        if actor != started.actor:
            raise SiteError(f"{output}: {started.actor} began this export, and only they can go on with it")
        if auditor:
            await _check_matter(settings, auditor, about.matter, has_begun=True)
        await record_access(
            settings,
            Access(
                actor,
                "export resume",
                f"{about.id} {about.query}",
                time.time_ns(),
                started.log_size,
                about.matched,
                started.result_digest,
                about.matter,
            ),
        )
        return await _complete(
            settings, folder, spool, started, find_format(started.format), progress, auditor
        )


def _new_spool(folder: ExportFolder) -> Spool:
    """Make the spool of an export, unless another process was here first; the folder is locked."""
    folder.require_free()
    return Spool(folder.spool)


def _begun_spool(folder: ExportFolder) -> Spool:
    """Open the spool of an export, unless another process has completed it; the folder is locked."""
    folder.require_begun()
    return Spool(folder.spool)


def find_format(name: str) -> Format:
    """Return a format by its name; raises SiteError."""
    if name not in FORMATS:
        raise SiteError(f"{name!r} is no format of exports: {', '.join(FORMATS)}")
    return FORMATS[name]


def find_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name, such as Europe/London; raises SiteError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SiteError(f"{name!r} is no time zone: one looks like Europe/London or UTC") from None


async def _complete(
    settings: SiteFile,
    folder: ExportFolder,
    spool: Spool,
    started: Started,
    format_: Format,
    progress: Progress,
    auditor: Auditor | None,
) -> ExportResult:
    total = started.about.matched
    async with open_sources(settings, folder, started, auditor) as sources:
        await Collector(sources, spool, folder, format_).run(lambda done, _: progress(done, 2 * total))
        while True:
            await write_files(folder, spool, started, format_, lambda done: progress(total + done, 2 * total))
            # What an order destroyed meanwhile must not be in it.
            if not await drop_destroyed(sources, spool, folder):
                break
        await write_proofs(folder, started, sources)
        names = sources.names
    folder.write(MATCHED, (f"{name_place(place, names)}\n".encode() for place in spool.matched()))
    counts = count_records(spool)
    write_about(folder, spool, started)
    require_whole(folder, spool)
    files = [folder.describe(name) for name in folder.list() if name not in _OURS]
    folder.write(MANIFEST, [make_manifest(started, format_, counts, files)])
    completed_id = await record_completion(settings, started, folder, counts.exported)
    # Killed before this: --resume makes the same manifest again, and records its completion again.
    folder.finish()
    about = started.about
    return ExportResult(folder.path, started.format, counts, len(files), about.id, completed_id, started.keys)


async def _read_heads(settings: SiteFile, used: Collection[IndexedLog]) -> tuple[ExportedLog, ...]:
    """Return the newest checkpoints of the gate's log and of those that are used, after they were searched.

    Raises SiteError and LogError.
    """
    heads = []
    async with open_indexed(settings) as logs:
        for which, log in find_indexed(settings).items():
            if which not in logs or (which not in used and which is not IndexedLog.GATE):
                continue
            note = (await logs[which].reader.checkpoint()).decode()
            try:
                size = verify_checkpoint(note, load_verifier_key(log.verifier_key_file)).size
            except (ValueError, KeyFileError) as error:
                raise SiteError(f"{log.name}: {error}; run `steelyard verify`") from None
            heads.append(ExportedLog(log.name, log.origin, size, note))
    return tuple(heads)
