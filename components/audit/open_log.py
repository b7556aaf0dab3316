"""Opens a log with the auditors' keys."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from components.archive.keys import KeyFileError
from components.archive.keys.ring import load_key_ring
from components.archive.opener import RecordOpener
from components.archive.reader import LogReader
from components.process.errors import SiteError
from components.settings.log import LogSettings
from components.settings.site import SiteFile


@asynccontextmanager
async def open_log(settings: SiteFile, log: LogSettings) -> AsyncIterator[RecordOpener]:
    """Open a log of the site to read its sealed records; raises SiteError and LogError."""
    try:
        keys = load_key_ring(settings.audit.key_files)
    except KeyFileError as error:
        raise SiteError(f"{error}; the auditors' keys are named in audit.key_files") from None
    reader = await LogReader.open(log.store)
    try:
        _require_origin(log, (await reader.source.fetch_meta()).get("origin", log.origin))
        yield RecordOpener(reader, log.origin, keys)
    finally:
        await reader.close()


def _require_origin(log: LogSettings, found: str) -> None:
    """Refuse a name other than the one under which the records are sealed, because none of them would open."""
    if found != log.origin:
        raise SiteError(
            f"{log.table}.log_origin is {log.origin}, and the log's name is {found}; set it to {found} again"
        )
