"""Takes out of an export what an order destroyed while it was written."""

from components.archive.store import LogSource
from components.audit.export.attachments import DESTROYED
from components.audit.export.evidence import records_name, without_payloads
from components.audit.export.folder import FILES, ExportFolder
from components.audit.export.sources import Sources
from components.audit.export.spool import Spool
from components.audit.index.logs import LAST_NUMBER, IndexedLog


async def drop_destroyed(sources: Sources, spool: Spool, folder: ExportFolder) -> bool:
    """Take out records and files that were destroyed since they were collected; return whether there were any.

    Then all files of the format are to be written again. Raises LogError.
    """
    gone = {which: await _find_gone(sources, spool, which) for which in sources.names}
    files = await _find_gone_files(sources, spool)
    if not files and not any(gone.values()):
        for path in spool.gone():
            folder.remove(path)
        return False
    sizes = {
        sources.names[which]: _rewrite(folder, records_name(sources.names[which]), set(numbers))
        for which, numbers in gone.items()
        if numbers
    }
    for path in spool.finished_files():
        folder.remove(path)
    # Killed before this commit: --resume finds the same records gone, and does all of it again.
    with spool.change():
        for which, numbers in gone.items():
            for number in numbers:
                spool.remove(which.place(number), DESTROYED)
        for path in files:
            spool.note_gone(path)
        for name, size in sizes.items():
            spool.note(f"size {name}", str(size))
        spool.forget_files()
    return True


async def _find_gone(sources: Sources, spool: Spool, which: IndexedLog) -> list[int]:
    first, last = which.place(0), which.place(LAST_NUMBER)
    bounds = spool.bounds(first, last)
    if bounds is None:
        return []
    source = sources.logs[which].reader.source
    gone = await source.fetch_destroyed(bounds[0] - first, bounds[1] - first + 1)
    return [number for number in gone if spool.has(which.place(number))]


async def _find_gone_files(sources: Sources, spool: Spool) -> list[str]:
    """Find uploads whose own record was destroyed: their messages stay. Other files go with their messages."""
    uploads, found = sources.logs.get(IndexedLog.TRANSFER), []
    for path in spool.attached() if uploads else ():
        number = path.removeprefix(f"{FILES}/").partition(" ")[0].rpartition("-")[2]
        if uploads and number.isdecimal() and await _is_gone(uploads.reader.source, int(number)):
            found.append(path)
    return found


async def _is_gone(source: LogSource, number: int) -> bool:
    return bool(await source.fetch_destroyed(number, number + 1))


def _rewrite(folder: ExportFolder, name: str, numbers: set[int]) -> int:
    """Take the payloads and keys of these records out of a log's evidence; return its size."""
    path = folder.place(name)
    folder.write(name, without_payloads(path, numbers))
    return path.stat().st_size
