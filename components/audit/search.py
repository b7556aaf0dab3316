"""Searches the gate's log: updates the index, searches, records the look, and only then returns the result."""

import time
from dataclasses import dataclass, replace

from components.archive.log.leaf import parse_leaf
from components.archive.opener import OpenedRecord, RecordOpener
from components.archive.orders.tombstoned import fetch_tombstoned
from components.archive.record import Access
from components.archive.store import LogSource
from components.audit.access import name_actor, record_access
from components.audit.index.index import Index, open_index
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
    """The result of a search: `records`, the newest of `matched` among `submissions`, in the log's order.

    `log_size` is the size of the tree that was searched, `access_id` the record of this look. `unreadable` counts its
    records that no search surely finds: missing ones, those that do not open, and those that cannot be read.
    """

    query: Node
    records: tuple[RecordView, ...]
    matched: int
    submissions: int
    log_size: int
    unreadable: int
    access_id: str


async def search(settings: SiteFile, query: str, limit: int, progress: Progress) -> SearchResult:
    """Search the gate's log for a query (docs/query.md); at most the `limit` newest records are returned.

    Raises QueryError, SiteError if the look cannot be recorded, and LogError.
    """
    now_ns = time.time_ns()
    node = parse_query(query, now_ns)
    async with open_log(settings, settings.gate_log) as log:
        with open_index(settings.audit.index) as index:
            await index.catch_up(log, progress)
            found = index.find(compile_query(node), limit)
            missing = await _find_missing(log.reader.source, index, found.log_size)
            unreadable = missing | index.unread()
            views = [
                view_record(
                    settings.gate_log.name, await _fetch_indexed(log, settings.gate_log.name, number), index
                )
                for number in found.indexes
            ]
    # A newly destroyed record is in the index until a checkpoint covers its tombstone. It is not shown any more.
    views = [replace(view, missing=view.opened.index in missing) for view in views]
    records = tuple(view for view in views if not view.destroyed)
    matched = found.matched - (len(views) - len(records))
    access = Access(name_actor(), "search", query, now_ns, found.log_size, matched)
    access_id = await record_access(settings, access)
    return SearchResult(node, records, matched, found.submissions, found.log_size, len(unreadable), access_id)


async def _find_missing(source: LogSource, index: Index, log_size: int) -> set[int]:
    """Find the missing records of a log of this size that no order destroyed."""
    gone = set(await source.fetch_destroyed(0, log_size)) - index.destroyed()
    # Newly destroyed: the index learns of it when a checkpoint covers the tombstone.
    if gone and (tombstoned := await fetch_tombstoned(source, log_size)):
        for number in sorted(gone):
            leaves = await source.fetch_leaves(number, number + 1)
            if any(tombstoned.covers(parse_leaf(leaf)) for leaf in leaves):
                gone.remove(number)
    return gone


async def _fetch_indexed(log: RecordOpener, name: str, number: int) -> OpenedRecord:
    for opened in await log.fetch(number, 1):
        return opened
    raise SiteError(f"record {name}/{number} was indexed and is missing from the log: run `steelyard verify`")
