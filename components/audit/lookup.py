"""One look into the index, for all that searches: brought up to date, prepared, recorded."""

import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from components.archive.opener import OpenedRecord, RecordOpener
from components.archive.record import Access
from components.audit.access import name_actor, record_access
from components.audit.asked import Asked, open_places, prepare
from components.audit.auditor import Auditor
from components.audit.index.as_of import AsOf, describe_format, name_format, read_sizes
from components.audit.index.contents import find_about_files
from components.audit.index.index import Index
from components.audit.index.logs import IndexedLog, find_record
from components.audit.index.pages import name_place
from components.audit.indexed import (
    catch_up_all,
    find_indexed,
    find_inside_views,
    find_upload_views,
    open_indexed,
    open_site_index,
)
from components.audit.query.matching import match_words
from components.audit.query.parser import parse_query
from components.audit.query.tree import Node, Words, format_query, words_sought
from components.audit.view import RecordView, view_record
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class Lookup:
    """A look into the index: the logs, brought up to date, and what is asked; `names` are those of logs.

    `as_of` is when it is, and how much of each log it covers.
    All that is read of the index is of one moment, whatever an indexer adds meanwhile: so what is found and how much of
    each log was searched fit together, and the same search at that size finds the same again (docs/decisions/0328).
    """

    settings: SiteFile
    logs: Mapping[IndexedLog, RecordOpener]
    index: Index
    asked: Asked
    names: Mapping[IndexedLog, str]
    actor: str
    as_of: AsOf

    @property
    def at_ns(self) -> int:
        """When this look is (Unix time)."""
        return self.as_of.at_ns

    async def record(self, act: str, matched: int, digest: str, query: str = "", actor: str = "") -> str:
        """Record the look, and return its record's id; raises SiteError, and then nothing may be shown."""
        searched = self.as_of
        access = Access(
            actor or self.actor,
            act,
            query or format_query(self.asked.query),
            self.at_ns,
            searched.sizes[IndexedLog.GATE],
            matched,
            digest,
            log_sizes=searched.name_others(self.names),
            index_format=searched.index_format,
        )
        return await record_access(self.settings, access)

    async def view(self, places: Iterable[int]) -> list[RecordView]:
        """Return the records at some places as they stand in the logs, with their files."""
        words = (
            *words_sought(self.asked.query),
            *(Words((word,)) for each in self.asked.widened for word in each.words),
        )
        sought, wanted = [match_words(each) for each in words], list(places)
        # Neighbours together: to ask a log for each of fifty records takes longer than to open them.
        opened = {place: each async for place, each in open_places(self.logs, sorted(set(wanted)))}
        with self.index.look() as db:
            about_files = find_about_files(db, wanted)
        views = []
        for place in wanted:
            view = self._view(place, opened.get(place))
            if place in about_files:
                uploads = find_upload_views(self.index, place, sought, self.names)
                inside = find_inside_views(self.index, place, sought, self.names)
                view = replace(view, files=(*uploads, *inside))
            views.append(view)
        return views

    def _view(self, place: int, opened: OpenedRecord | None) -> RecordView:
        if opened is not None:
            return view_record(self.names[find_record(place)[0]], opened, self.index)
        record_id = name_place(place, self.names)
        raise SiteError(f"record {record_id} was indexed and is missing from the log: run `steelyard verify`")


@asynccontextmanager
async def look_up(
    settings: SiteFile,
    query: str | Node,
    progress: Progress,
    auditor: Auditor | None = None,
    at_ns: int | None = None,
) -> AsyncIterator[Lookup]:
    """Bring the index up to date, and prepare a query within the scope of an auditor, as of now or of another time.

    Raises QueryError, SiteError and LogError.
    """
    now_ns = time.time_ns() if at_ns is None else at_ns
    node = parse_query(query, now_ns) if isinstance(query, str) else query
    names = {which: log.name for which, log in find_indexed(settings).items()}
    actor = auditor.id if auditor else name_actor()
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_all(settings, index, logs, progress)
            with index.look() as db:
                # First of all: a store's transaction is as of its first reading, not as of its beginning.
                form = name_format(describe_format(db), is_granted=settings.audit.grants is not None)
                as_of = AsOf(now_ns, read_sizes(index), form)
                asked = await prepare(node, index, logs, auditor)
                yield Lookup(settings, logs, index, asked, names, actor, as_of)
