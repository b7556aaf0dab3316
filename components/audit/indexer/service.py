"""Follows all logs of a site, and keeps the index up to date with them, and with what files say."""

import asyncio
import os
import time
from collections.abc import Mapping

import structlog

from components.archive.errors import LogError, LogMissing
from components.archive.opener import RecordOpener
from components.archive.seal import SealError
from components.audit.index.catch_up import size_of
from components.audit.index.database import DatabaseError, is_broken
from components.audit.index.index import Index
from components.audit.index.logs import IndexedLog
from components.audit.indexed import (
    catch_up_logs,
    find_indexed,
    open_indexed,
    open_site_index,
    read_files,
    remove_index,
)
from components.audit.indexer.progress import IndexerProgress
from components.process.errors import SiteError
from components.process.progress import ignore_progress
from components.process.status import Status
from components.settings.indexer import IndexerSettings
from components.settings.site import SiteFile

_log = structlog.get_logger("indexer")

# What may go wrong for a while: a log or a key that is not there yet, a full disk, a file that was deleted or damaged.
_PASSING = (SiteError, LogError, SealError, DatabaseError, OSError)
_RETRY_S = 1.0
# A site's first start begins the logs. Until then there is nothing to index, which for so long is no fault.
_BEGUN_WITHIN_S = 30.0
# Then everything is opened again: a log that nobody had begun, keys that were renewed, a restored file.
_OPEN_FOR_S = 30.0
_FILES_EVERY_S = 2.0
# The line comes first, where both share processors.
_NICENESS = 10


class Indexer:
    """Keeps a site's index up to date; any other process may do so at the same time."""

    def __init__(self, site: SiteFile, settings: IndexerSettings) -> None:
        self._site = site
        self._settings = settings
        self.progress = IndexerProgress(time.monotonic)
        # Since when a log has not been there. When it is there, it may have much to read, which is no fault any more.
        self._missing_since_s: float | None = None

    def describe(self) -> Status:
        """Return the content of the status file."""
        return self.progress.describe()

    async def run(self) -> None:
        """Index until cancelled; whatever fails is logged, shown in the status file, and tried again."""
        os.nice(_NICENESS)
        while True:
            try:
                await self._follow()
            except _PASSING as error:
                if isinstance(error, DatabaseError) and is_broken(error):
                    self._drop()
                self._note_fault(error)
                await asyncio.sleep(_RETRY_S)

    def _note_fault(self, error: Exception) -> None:
        now_s = time.monotonic()
        if not isinstance(error, LogMissing):
            self._missing_since_s = None
        elif self._missing_since_s is None:
            self._missing_since_s = now_s
        if self._missing_since_s is not None and now_s - self._missing_since_s < _BEGUN_WITHIN_S:
            return
        if str(error) != self.progress.fault:
            _log.error("cannot index; it tries again", reason=str(error))
        self.progress.fault = str(error)

    def _drop(self) -> None:
        """Remove a damaged index: the next round makes it anew."""
        remove_index(self._site)

    async def _follow(self) -> None:
        """Open logs and index, and keep up with them until it is time to open them again."""
        async with open_indexed(self._site) as logs:
            with open_site_index(self._site) as index:
                files = asyncio.create_task(self._read_files(index, logs))
                try:
                    await self._keep_up(index, logs)
                finally:
                    files.cancel()
                    await asyncio.gather(files, return_exceptions=True)

    async def _keep_up(self, index: Index, logs: Mapping[IndexedLog, RecordOpener]) -> None:
        names = {which: log.name for which, log in find_indexed(self._site).items()}
        if self._missing_since_s is not None:
            self._missing_since_s, self.progress.fault = None, ""
        again_at_s = time.monotonic() + _OPEN_FOR_S
        while index.is_there() and time.monotonic() < again_at_s:
            for which, log in logs.items():
                self.progress.note(names[which], index.size_of(which), await size_of(log))
            if self.progress.lag_entries:
                await catch_up_logs(self._site, index, logs, ignore_progress)
                for which in logs:
                    indexed = index.size_of(which)
                    self.progress.note(names[which], indexed, max(indexed, self.progress.sizes[names[which]]))
            self.progress.fault = ""
            await asyncio.sleep(self._settings.every_s)

    async def _read_files(self, index: Index, logs: Mapping[IndexedLog, RecordOpener]) -> None:
        while True:
            await asyncio.sleep(_FILES_EVERY_S)
            try:
                await read_files(self._site, index, logs, ignore_progress)
            except _PASSING as error:
                _log.error("cannot read files; it tries again", reason=str(error))
                await asyncio.sleep(_OPEN_FOR_S)
