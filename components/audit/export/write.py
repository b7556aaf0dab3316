"""Writes the files of an export from its spool: the format's own, the proofs, and what is about the export."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import orjson

from components.audit.export.evidence import proof_name, prove_records, read_indexes, records_name
from components.audit.export.folder import LEFT_OUT, README_FILE, VERIFIER, ExportFolder
from components.audit.export.format import Format, Shelf, Shelved
from components.audit.export.manifest import Counts, Started, write_readme
from components.audit.export.parts import split_parts
from components.audit.export.sources import Sources
from components.audit.export.spool import Spool
from components.process.errors import SiteError
from components.verifier.build import build_verifier

_TELL_EVERY = 1024
_UNSETTLED = 64


@dataclass(frozen=True, slots=True)
class _Held:
    """What the formats may ask for (Holdings)."""

    folder: ExportFolder
    spool: Spool

    def read(self, path: str) -> bytes:
        return self.folder.read(path)

    def shelves(self) -> Iterator[Shelf]:
        return self.spool.shelves()


async def write_files(
    folder: ExportFolder, spool: Spool, started: Started, format_: Format, progress: Callable[[int], None]
) -> None:
    """Write the format's files that are not finished yet; call `progress(messages done)` now and then."""
    held = _Held(folder, spool)
    finished, unsettled = spool.finished_files(), list[str]()
    for part, entries in split_parts(_counted(spool.read(), progress), format_, started.about.zone):
        name = format_.name_part(part)
        if name in finished:
            deque(entries, maxlen=0)
            continue
        folder.write_unsettled(name, format_.encode(part, entries, started.about, held))
        unsettled.append(name)
        if len(unsettled) >= _UNSETTLED:
            await _settle(folder, spool, unsettled)
    await _settle(folder, spool, unsettled)


async def _settle(folder: ExportFolder, spool: Spool, names: list[str]) -> None:
    """Have files on the disk, and noted as finished. Killed before: they are written again."""
    # The event loop belongs to others, too.
    await asyncio.to_thread(folder.settle, names)
    spool.note_files(names)
    names.clear()


async def write_proofs(folder: ExportFolder, started: Started, sources: Sources) -> None:
    """Write what proves the records of each log; raises LogError."""
    logs = {name: sources.logs[which] for which, name in sources.names.items()}
    for log in started.logs:
        indexes = read_indexes(folder.place(records_name(log.name)))
        source = logs[log.name].reader.source
        with folder.draft(proof_name(log.name)) as out:
            async for hashes in prove_records(source, indexes, log.size):
                out.write(hashes)


def write_about(folder: ExportFolder, spool: Spool, started: Started) -> None:
    """Write what is about the export itself: what is left out, the verifier, and how to use it."""
    left_out = (
        orjson.dumps({"id": record, "why": why}, option=orjson.OPT_APPEND_NEWLINE)
        for record, why in spool.left_out()
    )
    folder.write(LEFT_OUT, left_out)
    folder.write(VERIFIER, [build_verifier()])
    folder.write(README_FILE, [write_readme(started.keys).encode()])


def require_whole(folder: ExportFolder, spool: Spool) -> None:
    """Raise SiteError if a file is gone that was written before: the manifest would not name it."""
    for name in sorted(spool.finished_files()) + spool.attached():
        if not folder.has(name):
            raise SiteError(f"{folder.path}: {name} was removed while the export was written: begin again")


def count_records(spool: Spool) -> Counts:
    """Count what matched, what is exported and what is left out."""
    matched, exported, _ = spool.count()
    return Counts(matched, exported, spool.count_left_out())


def _counted(entries: Iterable[Shelved], progress: Callable[[int], None]) -> Iterator[Shelved]:
    """Pass entries on, and tell now and then how many there were."""
    for done, entry in enumerate(entries, 1):
        yield entry
        if done % _TELL_EVERY == 0:
            progress(done)
