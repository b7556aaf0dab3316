"""What the index covers: the logs that it is made of, opened, and the index itself."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from components.archive.blobs.reader import BlobReader
from components.archive.errors import LogMissing
from components.archive.keys import KeyFileError
from components.archive.opener import RecordOpener
from components.audit.index.contents import find_files, says
from components.audit.index.index import Index, open_index
from components.audit.index.logs import IndexedLog, find_record
from components.audit.open_log import open_log
from components.audit.reading.catch_up import read_new_files
from components.audit.reading.workers import FileReaders
from components.audit.view import FileView
from components.process.progress import Progress
from components.rules.file_links import load_file_links
from components.settings.blobs import open_objects
from components.settings.log import LogSettings
from components.settings.site import SiteFile


def find_indexed(settings: SiteFile) -> dict[IndexedLog, LogSettings]:
    """Return the logs of a site that the index covers, if they exist."""
    transfer = settings.transfer
    found = {IndexedLog.GATE: settings.gate_log}
    if transfer is not None:
        found[IndexedLog.TRANSFER] = transfer.log_settings(settings.folder)
    return found


@asynccontextmanager
async def open_indexed(settings: SiteFile) -> AsyncIterator[Mapping[IndexedLog, RecordOpener]]:
    """Open the logs that the index covers, without one that nobody has begun; raises as `open_log` does."""
    async with AsyncExitStack() as stack:
        opened = {}
        for which, log in find_indexed(settings).items():
            try:
                opened[which] = await stack.enter_async_context(open_log(settings, log))
            except LogMissing:
                if which is IndexedLog.GATE:
                    raise
        yield opened


@contextmanager
def open_site_index(settings: SiteFile) -> Iterator[Index]:
    """Open a site's index, or create it; raises SiteError.

    Where the key of links to files is not there, messages are not found by what is in the files.
    """
    try:
        links = load_file_links(settings)
    except KeyFileError:
        links = None
    with open_index(settings.audit.index, links) as index:
        yield index


async def catch_up_logs(
    settings: SiteFile, index: Index, logs: Mapping[IndexedLog, RecordOpener], progress: Progress
) -> None:
    """Index what is new in all logs, without what files say; raises as `Index.catch_up` does."""
    names = {which: log.name for which, log in find_indexed(settings).items()}
    # Twice: an index that does not fit to the second log is emptied of the first one, too.
    for _ in range(2):
        for which, log in logs.items():
            await index.catch_up(log, progress, which, names[which])


async def catch_up_all(
    settings: SiteFile, index: Index, logs: Mapping[IndexedLog, RecordOpener], progress: Progress
) -> None:
    """Index what is new in all logs, and what new files say; raises as `Index.catch_up` does, and SiteError."""
    await catch_up_logs(settings, index, logs, progress)
    transfer = settings.transfer
    if transfer is None or IndexedLog.TRANSFER not in logs:
        return
    objects = open_objects(transfer)
    try:
        blobs = BlobReader(objects, transfer.log_origin, logs[IndexedLog.TRANSFER].keys)
        await read_new_files(index, blobs, FileReaders.find(settings.audit.speech_model), progress)
    finally:
        await objects.close()


def find_file_views(
    index: Index, place: int, matches: Sequence[str], names: Mapping[IndexedLog, str]
) -> tuple[FileView, ...]:
    """Return the files that the record at a place is about; `matches` is what FTS5 has to match of a search."""
    with index.look() as db:
        return tuple(
            FileView(
                f"{names[IndexedLog.TRANSFER]}/{find_record(file.place)[1]}",
                file.name,
                file.claimed_type,
                file.found_type,
                file.size_bytes,
                file.sha256,
                file.state,
                file.text,
                any(says(db, file.content, match) for match in matches),
                file.heard_characters,
            )
            for file in find_files(db, place)
        )
