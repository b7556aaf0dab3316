"""Searches what was said and sent: updates the index, searches, records the look, and only then returns the result."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from components.archive.log.leaf import parse_leaf
from components.archive.opener import RecordOpener
from components.archive.orders.tombstoned import fetch_tombstoned
from components.archive.record import Access
from components.archive.store import LogSource
from components.audit.access import name_actor, record_access
from components.audit.index.contents import count_failed, count_unheard
from components.audit.index.index import Index
from components.audit.index.logs import SEARCHED, IndexedLog, find_record
from components.audit.indexed import (
    catch_up_all,
    find_indexed,
    find_inside_views,
    find_upload_views,
    open_indexed,
    open_site_index,
)
from components.audit.query.compile import compile_query, match_words
from components.audit.query.parser import parse_query
from components.audit.query.tree import Node, OfKind, SearchKind, terms_of, words_sought
from components.audit.view import RecordView, view_record
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of a search: `records`, the newest of `matched` among `submissions`, in the log's order.

    `log_size` is the size of the tree that was searched, `access_id` the record of this look. `unreadable` counts its
    records that no search surely finds: missing ones, those that do not open, and those that cannot be read;
    `files_unread` the files of which nobody knows what they say; `files_unheard` the sound that nothing here can hear.
    """

    query: Node
    records: tuple[RecordView, ...]
    matched: int
    submissions: int
    log_size: int
    unreadable: int
    access_id: str
    files_unread: int = 0
    files_unheard: int = 0


async def search(settings: SiteFile, query: str, limit: int, progress: Progress) -> SearchResult:
    """Search the logs of messages and of files for a query (docs/query.md); at most the `limit` newest are returned.

    Raises QueryError, SiteError if the look cannot be recorded, and LogError.
    """
    now_ns = time.time_ns()
    node = parse_query(query, now_ns)
    names = {which: log.name for which, log in find_indexed(settings).items()}
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_all(settings, index, logs, progress)
            found = index.find(compile_query(node), limit, logs=logs_for(node))
            missing, unreadable = set[str](), 0
            for which, log in logs.items():
                gone = await _find_missing(log.reader.source, index, which)
                unreadable += len(gone | index.unread(which))
                missing |= {f"{names[which]}/{number}" for number in gone}
            sought = [match_words(words) for words in words_sought(node)]
            views = []
            for place in found.indexes:
                uploads = find_upload_views(index, place, sought, names)
                inside = find_inside_views(index, place, sought, names)
                views.append(replace(await _view(logs, names, index, place), files=(*uploads, *inside)))
            with index.look() as db:
                files_unread, files_unheard = count_failed(db), count_unheard(db)
    # A newly destroyed record is in the index until a checkpoint covers its tombstone. It is not shown any more.
    views = [replace(view, missing=view.id in missing) for view in views]
    records = tuple(view for view in views if not view.destroyed)
    matched = found.matched - (len(views) - len(records))
    access = Access(name_actor(), "search", query, now_ns, found.log_size, matched)
    access_id = await record_access(settings, access)
    return SearchResult(
        node,
        records,
        matched,
        found.submissions,
        found.log_size,
        unreadable,
        access_id,
        files_unread,
        files_unheard,
    )


def logs_for(node: Node) -> Sequence[IndexedLog]:
    """Return the logs that a search covers: the auditors' own only where it asks for looks or events."""
    own = (OfKind(SearchKind.LOOK), OfKind(SearchKind.EVENT))
    return tuple(IndexedLog) if any(term in own for term in terms_of(node)) else SEARCHED


async def _find_missing(source: LogSource, index: Index, which: IndexedLog) -> set[int]:
    """Find the missing records of a log, as far as it is indexed, that no order destroyed."""
    log_size = index.size_of(which)
    gone = set(await source.fetch_destroyed(0, log_size)) - index.destroyed(which)
    # Newly destroyed: the index learns of it when a checkpoint covers the tombstone.
    if gone and (tombstoned := await fetch_tombstoned(source, log_size)):
        for number in sorted(gone):
            leaves = await source.fetch_leaves(number, number + 1)
            if any(tombstoned.covers(parse_leaf(leaf)) for leaf in leaves):
                gone.remove(number)
    return gone


async def _view(
    logs: Mapping[IndexedLog, RecordOpener], names: Mapping[IndexedLog, str], index: Index, place: int
) -> RecordView:
    which, number = find_record(place)
    if which in logs:
        for opened in await logs[which].fetch(number, 1):
            return view_record(names[which], opened, index)
    record_id = f"{names.get(which, which.name.lower())}/{number}"
    raise SiteError(f"record {record_id} was indexed and is missing from the log: run `steelyard verify`")
