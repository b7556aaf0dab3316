"""Exports what a query matches: the look is recorded before the first byte is written, and its end, too."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from components.archive.blobs.reader import BlobReader
from components.archive.keys import KeyFileError, load_verifier_key
from components.archive.log.checkpoint import verify_checkpoint
from components.archive.record import Access
from components.audit.access import name_actor, record_access
from components.audit.auditor import Auditor
from components.audit.export.attachments import Attachments
from components.audit.export.collect import Collector, Sources
from components.audit.export.destroyed import drop_destroyed
from components.audit.export.evidence import proof_name, prove_records, read_indexes, records_name
from components.audit.export.finish import record_completion
from components.audit.export.folder import (
    LEFT_OUT,
    MANIFEST,
    MANIFEST_PROOF,
    MANIFEST_RECORD,
    MATCHED,
    README_FILE,
    VERIFIER,
    ExportFolder,
)
from components.audit.export.format import About, Format, Shelved
from components.audit.export.formats import FORMATS
from components.audit.export.manifest import (
    README,
    Counts,
    ExportedLog,
    Started,
    encode_started,
    make_manifest,
    parse_started,
)
from components.audit.export.parts import split_parts
from components.audit.export.spool import Spool
from components.audit.indexed import find_indexed, open_indexed, open_site_index
from components.audit.query.tree import format_query
from components.audit.search import FoundIds, find_ids
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.blobs import open_objects
from components.settings.site import SiteFile
from components.verifier.build import build_verifier

_STARTED = "started"
_OURS = (MANIFEST, MANIFEST_RECORD, MANIFEST_PROOF)
_TELL_EVERY = 1024


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
    """An export that is complete; `access_id` is the record of this look, `completed_id` that of its completion."""

    folder: Path
    format: str
    counts: Counts
    files: int
    access_id: str
    completed_id: str


async def export(
    settings: SiteFile, wanted: Wanted, output: Path, progress: Progress, auditor: Auditor | None = None
) -> ExportResult:
    """Export what a query matches to a folder, which must be empty or new.

    Raises QueryError, SiteError, also if the look cannot be recorded, and LogError.
    """
    folder = ExportFolder(output)
    folder.require_free()
    format_, zone = find_format(wanted.format), find_zone(wanted.zone)
    found = await find_ids(settings, wanted.query, progress, auditor)
    if 0 < wanted.limit < len(found):
        raise SiteError(
            f"{len(found):,} records match, and --limit allows {wanted.limit:,}: nothing is exported"
        )
    now_ns, query = time.time_ns(), format_query(found.query)
    actor = auditor.id if auditor else name_actor()
    logs = await _read_heads(settings)
    access = Access(
        actor,
        "export",
        query,
        now_ns,
        found.log_size,
        len(found),
        found.digest,
        wanted.matter,
        wanted.reason,
        found.log_sizes,
        found.as_of.index_format,
    )
    access_id = await record_access(settings, access)
    site = settings.gate_log.origin.partition("/")[0]
    about = About(
        access_id, site, query, wanted.matter, wanted.zone, zone, now_ns, len(found), version("steelyard")
    )
    started = Started(about, wanted.format, actor, found.log_size, found.digest, logs)
    folder.make()
    with folder.locked():
        folder.write(MATCHED, _lines(found))
        with Spool(folder.spool) as spool:
            # Killed before this commit: what is there cannot be gone on with.
            with spool.change():
                spool.add_matched(found.places)
                spool.note(_STARTED, encode_started(started))
            return await _complete(settings, folder, spool, started, format_, progress)


async def resume(
    settings: SiteFile, output: Path, progress: Progress, auditor: Auditor | None = None
) -> ExportResult:
    """Go on with an export that was stopped; the result is the same, byte for byte, but for its completion's record.

    Raises as `export` does.
    """
    folder = ExportFolder(output)
    folder.require_begun()
    with folder.locked(), Spool(folder.spool) as spool:
        if not (noted := spool.get(_STARTED)):
            raise SiteError(
                f"{output}: this export was stopped before it began; remove the folder, and begin again"
            )
        started = parse_started(noted)
        actor, about = auditor.id if auditor else name_actor(), started.about
        # It holds what its own auditor may see.
        if actor != started.actor:
            raise SiteError(f"{output}: {started.actor} began this export, and only they can go on with it")
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
        return await _complete(settings, folder, spool, started, find_format(started.format), progress)


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
) -> ExportResult:
    total = started.about.matched
    async with _open_sources(settings, folder) as sources:
        await Collector(sources, spool, folder, format_).run(lambda done, _: progress(done, 2 * total))
        while True:
            await _write_files(
                folder, spool, started, format_, lambda done: progress(total + done, 2 * total)
            )
            # What an order destroyed meanwhile must not be in it.
            if not await drop_destroyed(sources, spool, folder):
                break
        await _write_proofs(folder, started, sources)
    counts = _count(spool)
    _write_about(folder, spool)
    files = [folder.describe(name) for name in folder.list() if name not in _OURS]
    folder.write(MANIFEST, [make_manifest(started, format_, counts, files)])
    completed_id = await record_completion(settings, started, folder, counts.exported)
    # Killed before this: --resume makes the same manifest again, and records its completion again.
    folder.finish()
    return ExportResult(folder.path, started.format, counts, len(files), started.about.id, completed_id)


@asynccontextmanager
async def _open_sources(settings: SiteFile, folder: ExportFolder) -> AsyncIterator[Sources]:
    names = {which: log.name for which, log in find_indexed(settings).items()}
    transfer = settings.transfer
    objects = None if transfer is None else open_objects(transfer)
    try:
        async with open_indexed(settings) as logs:
            with open_site_index(settings) as index:
                blobs = None
                if transfer is not None and objects is not None:
                    keys = next(iter(logs.values())).keys
                    blobs = BlobReader(objects, transfer.log_origin, keys)
                yield Sources(logs, names, index, Attachments(folder, index, logs, names, blobs))
    finally:
        if objects is not None:
            await objects.close()


async def _read_heads(settings: SiteFile) -> tuple[ExportedLog, ...]:
    """Return the newest checkpoints of the logs that are searched, after they were searched; raises SiteError."""
    heads = []
    async with open_indexed(settings) as logs:
        for which, log in find_indexed(settings).items():
            if which not in logs:
                continue
            note = (await logs[which].reader.checkpoint()).decode()
            try:
                size = verify_checkpoint(note, load_verifier_key(log.verifier_key_file)).size
            except (ValueError, KeyFileError) as error:
                raise SiteError(f"{log.name}: {error}; run `steelyard verify`") from None
            heads.append(ExportedLog(log.name, log.origin, size, note))
    return tuple(heads)


async def _write_files(
    folder: ExportFolder, spool: Spool, started: Started, format_: Format, progress: Callable[[int], None]
) -> None:
    finished = spool.finished_files()
    for part, entries in split_parts(_counted(spool.read(), progress), format_, started.about.zone):
        name = format_.name_part(part)
        if name in finished:
            deque(entries, maxlen=0)
            continue
        folder.write(name, format_.encode(part, entries, started.about, folder))
        spool.note_file(name)
        # The event loop belongs to others, too.
        await asyncio.sleep(0)


async def _write_proofs(folder: ExportFolder, started: Started, sources: Sources) -> None:
    logs = {sources.names[which]: log for which, log in sources.logs.items()}
    for log in started.logs:
        indexes = read_indexes(folder.place(records_name(log.name)))
        source = logs[log.name].reader.source
        with folder.draft(proof_name(log.name)) as out:
            async for hashes in prove_records(source, indexes, log.size):
                out.write(hashes)


def _write_about(folder: ExportFolder, spool: Spool) -> None:
    """Write what is about the export itself: what is left out, the verifier, and how to use it."""
    left_out = (
        orjson.dumps({"id": record, "why": why}, option=orjson.OPT_APPEND_NEWLINE)
        for record, why in spool.left_out()
    )
    folder.write(LEFT_OUT, left_out)
    folder.write(VERIFIER, [build_verifier()])
    folder.write(README_FILE, [README.encode()])


def _count(spool: Spool) -> Counts:
    matched, exported, _ = spool.count()
    return Counts(matched, exported, spool.count_left_out())


def _counted(entries: Iterable[Shelved], progress: Callable[[int], None]) -> Iterator[Shelved]:
    """Pass entries on, and tell now and then how many there were."""
    for done, entry in enumerate(entries, 1):
        yield entry
        if done % _TELL_EVERY == 0:
            progress(done)


def _lines(found: FoundIds) -> Iterator[bytes]:
    """Yield the ids of what matched, one a line: their SHA-256 is the result's digest."""
    return (f"{record}\n".encode() for record in found.in_log_order())
