"""What the index covers: the logs that it is made of, opened, and the index itself."""

import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from components.archive.durable import PRIVATE_FOLDER, make_folder
from components.archive.errors import LogError, LogMissing
from components.archive.keys import KeyFileError
from components.archive.keys.ring import load_key_ring
from components.archive.opener import RecordOpener
from components.archive.seal import SealError
from components.audit.index.as_of import describe_format
from components.audit.index.carried import SaidOfUpload, find_inside, find_said
from components.audit.index.contents import find_files, has_waiting, says
from components.audit.index.database import alone, remove_database
from components.audit.index.index import Index, IndexPlace, explained, open_index
from components.audit.index.key import are_ours, load_index_key
from components.audit.index.logs import IndexedLog, find_record
from components.audit.index.open_postgres import drop_postgres
from components.audit.open_log import open_log
from components.audit.view import FileView, SaidOfFile
from components.process.errors import SiteError
from components.process.progress import Progress
from components.rules.file_links import load_file_links
from components.settings.audit import AuditSettings
from components.settings.history import HistorySettings
from components.settings.log import LogSettings
from components.settings.site import SiteFile

if TYPE_CHECKING:
    from components.audit.reading.workers import FileReaders

_READERS = "readers"
"""Beside the index: a folder for what its readers unpack."""


def find_indexed(settings: SiteFile) -> dict[IndexedLog, LogSettings]:
    """Return the logs of a site that the index covers, if they exist."""
    transfer = settings.transfer
    found = {IndexedLog.GATE: settings.gate_log}
    if transfer is not None:
        found[IndexedLog.TRANSFER] = transfer.log_settings(settings.folder)
    if settings.roster is not None:
        found[IndexedLog.ROSTER] = settings.roster.log_settings(settings.folder)
    found[IndexedLog.AUDIT] = settings.audit_log
    if (history := settings.find(HistorySettings)) is not None:
        found[IndexedLog.HISTORY] = history.log_settings(settings.folder)
    return found


@asynccontextmanager
async def open_indexed(settings: SiteFile) -> AsyncIterator[Mapping[IndexedLog, RecordOpener]]:
    """Open the logs that the index covers, without one that nobody has begun; raises as `open_log` does."""
    async with AsyncExitStack() as stack:
        opened = {}
        for which, log in find_indexed(settings).items():
            try:
                opener = await stack.enter_async_context(open_log(settings, log))
                await opener.reader.size()  # a log of which only the file has been made is none yet
                opened[which] = opener
            except LogError as error:
                # A look that cannot be recorded there says so itself.
                skipped = LogError if which is IndexedLog.AUDIT else LogMissing
                if which is IndexedLog.GATE or not isinstance(error, skipped):
                    raise
        yield opened


@contextmanager
def open_site_index(settings: SiteFile) -> Iterator[Index]:
    """Open a site's index, or create it; raises SiteError.

    Where the key of links to files is not there, messages are not found by what is in the files. Where it is there for
    somebody else, nothing is opened: the index would be made anew without it, and with it again by whoever has it.
    """
    try:
        links = load_file_links(settings)
    except KeyFileError as error:
        if settings.transfer and is_of_others(settings.transfer.link_key_file):
            raise SiteError(f"{error}; run this as root, or as who keeps the index") from None
        links = None
    place = find_index(settings)
    key = find_index_key(settings) if isinstance(place, Path) else None
    with open_index(place, links, key) as index:
        yield index


def is_of_others(file: Path) -> bool:
    """Return whether a file is there, and this user may not read it."""
    return os.access(file, os.F_OK) and not os.access(file, os.R_OK)


def find_index(settings: SiteFile) -> IndexPlace:
    """Return where a site's index is; raises SiteError."""
    return settings.audit.index_url or find_index_file(settings)


def remove_index(settings: SiteFile) -> None:
    """Remove a site's index: processes that have it open notice, and make it anew; raises SiteError."""
    place = find_index(settings)
    if isinstance(place, Path):
        with alone(place):
            remove_database(place)
        return
    with explained(place):
        drop_postgres(place)


def find_index_file(settings: SiteFile) -> Path:
    """Return the file of a site's index; who works with grants has another for each set of grants in force.

    Those of other sets are removed: what a grant that is over opened must not be found any more. Raises SiteError.
    """
    index, folder = settings.audit.index, settings.audit.grants
    if folder is None:
        return index
    from components.audit.grant.in_force import find_grants

    try:
        grants = find_grants(folder, load_key_ring(settings.audit.key_files), time.time_ns())
    except KeyFileError as error:
        raise SiteError(f"the grants cannot be read: {error}") from None
    named = sha256("\n".join(grant.terms.digest() for grant in grants).encode()).hexdigest()[:16]
    file = index.with_name(f"{index.stem}-{named}{index.suffix}")
    for other in index.parent.glob(f"{index.stem}-*"):
        if not other.name.startswith(file.name):
            other.unlink(missing_ok=True)
    return file


def find_index_key(settings: SiteFile) -> bytes:
    """Return the key of a site's index, which only the auditors' keys open, or make it; raises SiteError."""
    try:
        ring = load_key_ring(settings.audit.key_files)
        file = find_index_file(settings)
        with alone(file):
            # With grants, an auditor's own keys are no recipient's.
            is_own = bool(settings.audit.grants) or are_ours(ring, settings.archive.recipients)
            return load_index_key(file, ring, may_replace=is_own)
    except SealError as error:
        raise SiteError(
            f"the index cannot be opened: {error}; audit.key_files has keys of another site, so it is left as it is"
        ) from None
    except (KeyFileError, OSError) as error:
        raise SiteError(f"the index cannot be opened: {error}") from None


async def catch_up_logs(
    settings: SiteFile, index: Index, logs: Mapping[IndexedLog, RecordOpener], progress: Progress
) -> None:
    """Index what is new in all logs, without what files say; raises as `Index.catch_up` does."""
    names = {which: log.name for which, log in find_indexed(settings).items()}
    anew = [await index.catch_up(log, progress, which, names[which]) for which, log in logs.items()]
    if any(anew):
        # Once more: an index that did not fit to a later log was emptied of the first one, too.
        for which, log in logs.items():
            await index.catch_up(log, progress, which, names[which])
    if settings.audit.grants:
        # Few auditors work with grants, and everybody else would wait while this is imported.
        from components.audit.index.people import insert_known_directory

        with index.change() as db:
            insert_known_directory(db, settings.gate.directory_file)


async def catch_up_all(
    settings: SiteFile, index: Index, logs: Mapping[IndexedLog, RecordOpener], progress: Progress
) -> None:
    """Index what is new in all logs, and what new files say; raises as `Index.catch_up` does, and SiteError.

    What others have read, who could read fewer languages, is read again by the indexer, and in an index that is
    made anew.
    """
    await catch_up_logs(settings, index, logs, progress)
    with index.look() as db:
        has_new = has_waiting(db)
    if has_new:
        await read_files(settings, index, logs, progress)


async def read_files(
    settings: SiteFile, index: Index, logs: Mapping[IndexedLog, RecordOpener], progress: Progress
) -> None:
    """Index what new files say, and what others have read; raises SiteError."""
    # A look has nothing to read, most times, and would wait while this is imported.
    from components.archive.blobs.reader import BlobReader
    from components.audit.reading.catch_up import read_new_files
    from components.audit.reading.places import ContentPlaces
    from components.settings.blobs import open_objects

    transfer, readers = settings.transfer, _find_readers(settings.audit)
    if transfer is None or IndexedLog.TRANSFER not in logs:
        await read_new_files(index, ContentPlaces(logs, None), readers, progress)
        return
    objects = open_objects(transfer)
    try:
        blobs = BlobReader(objects, transfer.log_origin, logs[IndexedLog.TRANSFER].keys)
        await read_new_files(index, ContentPlaces(logs, blobs), readers, progress)
    finally:
        await objects.close()


def _find_readers(settings: AuditSettings) -> "FileReaders":
    """Return what reads files; raises SiteError."""
    from components.audit.reading.workers import FileReaders

    folder = settings.index.parent / _READERS
    make_folder(folder, PRIVATE_FOLDER)
    return FileReaders.find(folder, settings.speech_model)


def find_upload_views(
    index: Index, place: int, matches: Sequence[str], names: Mapping[IndexedLog, str]
) -> tuple[FileView, ...]:
    """Return the uploads that the record at a place is about; `matches` is what FTS5 has to match of a search."""
    with index.look() as db:
        return tuple(
            FileView(
                _name(file.place, names),
                file.name,
                file.claimed_type,
                file.found_type,
                file.size_bytes,
                file.sha256,
                file.state,
                file.text,
                any(says(db, file.content, match) for match in matches),
                tuple(_view_said(said, file.sha256, names) for said in find_said(db, file.id)),
                file.heard_characters,
            )
            for file in find_files(db, place)
        )


def find_inside_views(
    index: Index, place: int, matches: Sequence[str], names: Mapping[IndexedLog, str]
) -> tuple[FileView, ...]:
    """Return the files inside the stanza at a place, as `find_upload_views` does."""
    with index.look() as db:
        return tuple(
            FileView(
                name_inside(_name(place, names), file.number),
                file.name,
                file.media_type,
                "",
                file.size_bytes,
                file.sha256,
                file.state,
                file.text,
                any(says(db, file.content, match) for match in matches),
            )
            for file in find_inside(db, place)
        )


def name_inside(record_id: str, number: int) -> str:
    """Return the id of a file inside a stanza, by its record's id and the file's number there."""
    return f"{record_id}.{number}"


def _view_said(said: SaidOfUpload, sha256: str, names: Mapping[IndexedLog, str]) -> SaidOfFile:
    differs = said.sha256 not in ("", sha256)
    return SaidOfFile(_name(said.place, names), said.name, said.description, said.sha256, differs)


def _name(place: int, names: Mapping[IndexedLog, str]) -> str:
    which, number = find_record(place)
    return f"{names[which]}/{number}"


def read_index_format(settings: SiteFile) -> str:
    """Return the form of a site's index, as looks record it; raises SiteError."""
    with open_site_index(settings) as index, index.look() as db:
        return describe_format(db)
