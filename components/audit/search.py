"""Searching the gate's log: catch up, find, record the look, and only then hand over what was found."""

import time
from dataclasses import dataclass

from components.archive.opener import OpenedRecord, RecordOpener
from components.archive.record import Access
from components.audit.access import name_actor, record_access
from components.audit.index.index import open_index
from components.audit.open_log import open_log
from components.audit.query.compile import compile_query
from components.audit.query.parser import parse_query
from components.audit.query.tree import Node
from components.audit.view import RecordView, view_record
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search found: `records`, the newest of `matched` among `submissions`, in the log's order.

    `log_size` is the size of the tree that was searched, `access_id` the record of this look.
    """

    query: Node
    records: tuple[RecordView, ...]
    matched: int
    submissions: int
    log_size: int
    access_id: str


async def search(settings: SiteFile, query: str, limit: int, progress: Progress) -> SearchResult:
    """Search the gate's log for a query (docs/query.md); at most the `limit` newest records are returned.

    Raises QueryError, SiteError when the look cannot be recorded, and LogError.
    """
    now_ns = time.time_ns()
    node = parse_query(query, now_ns)
    async with open_log(settings, settings.gate_log) as log:
        with open_index(settings.audit.index) as index:
            await index.catch_up(log, progress)
            found = index.find(compile_query(node), limit)
            views = [
                view_record(
                    settings.gate_log.name, await _fetch_indexed(log, settings.gate_log.name, number), index
                )
                for number in found.indexes
            ]
    # What was destroyed a moment ago is in the index until a checkpoint covers its tombstone: it is found no more.
    records = tuple(view for view in views if view.opened.stored.payload is not None)
    matched = found.matched - (len(views) - len(records))
    access = Access(name_actor(), "search", query, now_ns, found.log_size, matched)
    access_id = await record_access(settings, access)
    return SearchResult(node, records, matched, found.submissions, found.log_size, access_id)


async def _fetch_indexed(log: RecordOpener, name: str, number: int) -> OpenedRecord:
    for opened in await log.fetch(number, 1):
        return opened
    raise SiteError(f"record {name}/{number} was indexed and is missing from the log: run `steelyard verify`")
