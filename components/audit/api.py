"""What auditors' own programs use (docs/api.md): an archive, as one auditor may see it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from components.audit.access import Purpose
from components.audit.auditor import Auditor, Role, find_auditor
from components.audit.conversation.read import Around, ConversationView, Whole, read_conversation
from components.audit.export.export import ExportResult, Wanted, export
from components.audit.prove import ProofFile, prove
from components.audit.purpose import state_purpose
from components.audit.query.error import QueryError
from components.audit.search import Order, Page, SearchResult, search
from components.audit.show import RecordDetail, show
from components.audit.view import RecordView
from components.process.errors import SiteError
from components.process.progress import Progress, ignore_progress
from components.settings.site import SiteFile

__all__ = [
    "Archive", "Around", "ConversationView", "ExportResult", "Order", "Page", "ProofFile", "QueryError",
    "RecordDetail", "RecordView", "SearchResult", "SiteError", "Wanted", "Whole", "open_archive",
]  # fmt: skip

_NO_PURPOSE, _FIRST_PAGE = Purpose(), Page()


@dataclass(frozen=True, slots=True)
class Archive:
    """What is recorded at a site, for an auditor, who looks for a purpose.

    Each method is a look: it is recorded before it returns anything. Each may raise SiteError (a person can put it
    right; the message says how) and LogError. `progress` is told how far the index is brought up to date.
    """

    settings: SiteFile
    auditor: Auditor
    purpose: Purpose = _NO_PURPOSE
    progress: Progress = ignore_progress

    async def search(self, query: str, page: Page = _FIRST_PAGE, context: int = 0) -> SearchResult:
        """Search (docs/query.md), and return a page of what is found, the oldest first; raises QueryError.

        With `context`, so many records of its conversation come before and after each.
        """
        await self._state_purpose()
        return await search(self.settings, query, page, self.progress, self.auditor, context)

    async def find(self, query: str, limit: int = 500) -> AsyncIterator[RecordView]:
        """Yield all that a query finds, the newest first, by pages of `limit`; each is a look; raises QueryError."""
        page = Page(limit)
        while True:
            result = await self.search(query, page)
            for record in reversed(result.records):
                yield record
            if not result.next_before:
                return
            page = Page(limit, result.next_before)

    async def read(
        self, what: Whole | Around, seen_by: str = "", at_ns: int | None = None
    ) -> ConversationView:
        """Read a conversation, or what stands around a record; with `seen_by`, what had reached a person by a time."""
        await self._state_purpose()
        return await read_conversation(self.settings, what, self.progress, self.auditor, seen_by, at_ns)

    async def show(self, record_id: str) -> RecordDetail:
        """Return one record in full, with its proof."""
        await self._state_purpose()
        return await show(self.settings, record_id, self.progress, self.auditor)

    async def prove(self, record_id: str) -> ProofFile:
        """Return a record's proof as a file, which others can verify without the log (docs/tiles.md)."""
        await self._state_purpose()
        return await prove(self.settings, record_id)

    async def export(self, wanted: Wanted, output: Path) -> ExportResult:
        """Export what a query finds to a new folder (docs/export.md); raises QueryError."""
        await self._state_purpose()
        return await export(self.settings, wanted, output, self.progress, self.auditor)

    async def _state_purpose(self) -> None:
        await state_purpose(self.settings, self.auditor, self.purpose)


def open_archive(
    site: str | Path, *, matter: str = "", reason: str = "", progress: Progress = ignore_progress
) -> Archive:
    """Open the archive of a site by its site.toml; who looks is the user of this process, as on the command line.

    Raises SettingsError, and SiteError for somebody who is no auditor, or an overseer alone, who sees what auditors did
    and nothing else.
    """
    settings = SiteFile(Path(site))
    auditor = find_auditor(settings)
    auditor.require(Role.AUDITOR, Role.REVIEWER, Role.LEAD)
    return Archive(settings, auditor, Purpose(matter, reason), progress)
