"""Searches what was said and sent: updates the index, searches, records the look, and only then returns the result."""

import time
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from components.archive.log.leaf import parse_leaf
from components.archive.opener import RecordOpener
from components.archive.orders.tombstoned import fetch_tombstoned
from components.archive.record import Access
from components.archive.store import LogSource
from components.audit.access import name_actor, record_access
from components.audit.asked import Asked, Widened, prepare
from components.audit.auditor import Auditor
from components.audit.index.as_of import AsOf, bound_by, describe_format, read_sizes
from components.audit.index.contents import count_failed, count_unheard
from components.audit.index.database import Connection
from components.audit.index.index import Index
from components.audit.index.logs import IndexedLog, find_record
from components.audit.index.pages import (
    Order,
    Page,
    PageFound,
    digest_ids,
    find_page,
    name_place,
    read_places,
)
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
from components.audit.query.tree import Node, Or, Words, format_query, words_sought
from components.audit.view import RecordView, view_record
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile

__all__ = ["FoundIds", "Order", "Page", "SearchResult", "find_ids", "search"]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A page of the result of a search: `records`, of `matched` among `submissions`, the oldest first.

    `log_size` is the size of the tree that was searched, `access_id` the record of this look. `unreadable` counts its
    records that no search surely finds: missing ones, those that do not open, and those that cannot be read;
    `files_unread` the files of which nobody knows what they say; `files_unheard` the sound that nothing here can hear.
    Behind the record `next_before`, unless it is empty, the next page begins. `digest` is over the ids of all that
    match. Near spellings were `widened` to these words. For regular expressions the newest `examined` records were
    looked into; where it `is_cut`, others may match that nobody looked into.
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
    next_before: str = ""
    digest: str = ""
    widened: tuple[Widened, ...] = ()
    examined: int = 0
    is_cut: bool = False

    @property
    def sought(self) -> Node:
        """What to mark in the records: the query, with all spellings that it was widened to."""
        words = tuple(Words((word,)) for each in self.widened for word in each.words)
        return Or((self.query, *words)) if words else self.query


@dataclass(frozen=True, slots=True)
class FoundIds:
    """The ids of all records that a query matches, the oldest first, and the digest over them.

    `query` is the tree that was asked, with the scope of who asked; `as_of` is when, and how much of each log. Where it
    `is_cut`, a regular expression may match others that nobody looked into.
    """

    query: Node
    as_of: AsOf
    digest: str
    places: "array[int]"
    names: Mapping[IndexedLog, str]
    is_cut: bool = False

    @property
    def log_size(self) -> int:
        """The size of the tree that was searched."""
        return self.as_of.sizes[IndexedLog.GATE]

    @property
    def log_sizes(self) -> str:
        """The sizes of the other logs, as a look records them."""
        return self.as_of.name_others(self.names)

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[str]:
        return (name_place(place, self.names) for place in self.places)

    def in_log_order(self) -> Iterator[str]:
        """Yield the ids log by log, in its order, whatever the times: a line each, they have the digest."""
        return (name_place(place, self.names) for place in sorted(self.places))


async def search(
    settings: SiteFile, query: str, page: Page, progress: Progress, auditor: Auditor | None = None
) -> SearchResult:
    """Search the logs of messages and of files for a query (docs/query.md), and return a page of the result.

    Raises QueryError, SiteError if the look cannot be recorded, and LogError.
    """
    now_ns = time.time_ns()
    node = parse_query(query, now_ns)
    names = {which: log.name for which, log in find_indexed(settings).items()}
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_all(settings, index, logs, progress)
            asked = await prepare(node, index, logs, auditor)
            found, counts = _find(index, asked, page, now_ns)
            missing, unreadable = set[str](), 0
            for which, log in logs.items():
                gone = await _find_missing(log.reader.source, index, which)
                unreadable += len(gone | index.unread(which))
                missing |= {f"{names[which]}/{number}" for number in gone}
            views = await _view_all(logs, names, index, found.places, asked)
    # A newly destroyed record is in the index until a checkpoint covers its tombstone. It is not shown any more.
    views = [replace(view, missing=view.id in missing) for view in views]
    records = tuple(view for view in views if not view.destroyed)
    matched = found.matched - (len(views) - len(records))
    actor = auditor.id if auditor else name_actor()
    access = Access(
        actor,
        "search",
        format_query(asked.query),
        now_ns,
        counts.log_size,
        matched,
        found.digest,
        log_sizes=counts.as_of.name_others(names),
        index_format=counts.as_of.index_format,
    )
    return SearchResult(
        asked.query,
        records,
        matched,
        counts.submissions,
        counts.log_size,
        unreadable,
        access_id=await record_access(settings, access),
        files_unread=counts.files_unread,
        files_unheard=counts.files_unheard,
        next_before=_last_of(views, page.order) if found.is_more else "",
        digest=found.digest,
        widened=asked.widened,
        examined=asked.examined,
        is_cut=asked.is_cut,
    )


async def find_ids(
    settings: SiteFile,
    query: str,
    progress: Progress,
    auditor: Auditor | None = None,
    as_of: AsOf | None = None,
) -> FoundIds:
    """Find the ids of every record that a query matches; the caller records the look, with the digest.

    With `as_of` it searches as a search at that time did: what was recorded later is left out. Raises QueryError,
    SiteError and LogError.
    """
    now_ns = as_of.at_ns if as_of else time.time_ns()
    node = parse_query(query, now_ns)
    names = {which: log.name for which, log in find_indexed(settings).items()}
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_all(settings, index, logs, progress)
            asked = await prepare(node, index, logs, auditor)
            with index.look() as db:
                searched = as_of or _read_as_of(index, db, now_ns)
                where = bound_by(asked.where, searched.sizes) if as_of else asked.where
                places = read_places(db, where, asked.logs)
                digest = digest_ids(db, where, asked.logs)
    return FoundIds(asked.query, searched, digest, places, names, asked.is_cut)


@dataclass(frozen=True, slots=True)
class _Counts:
    submissions: int
    as_of: AsOf
    files_unread: int
    files_unheard: int

    @property
    def log_size(self) -> int:
        return self.as_of.sizes[IndexedLog.GATE]


def _find(index: Index, asked: Asked, page: Page, now_ns: int) -> tuple[PageFound, _Counts]:
    inside = asked.scope if asked.is_scoped else None
    found = find_page(index, asked.where, page, asked.logs)
    submissions = index.count(asked.scope, logs=asked.logs) if inside else found.entries
    with index.look() as db:
        unread, unheard = count_failed(db, inside), count_unheard(db, inside)
        return found, _Counts(submissions, _read_as_of(index, db, now_ns), unread, unheard)


def _read_as_of(index: Index, db: Connection, now_ns: int) -> AsOf:
    return AsOf(now_ns, read_sizes(index), describe_format(db))


def _last_of(views: list[RecordView], order: Order) -> str:
    return views[0 if order is Order.NEWEST else -1].id


async def _view_all(
    logs: Mapping[IndexedLog, RecordOpener],
    names: Mapping[IndexedLog, str],
    index: Index,
    places: tuple[int, ...],
    asked: Asked,
) -> list[RecordView]:
    sought = [match_words(words) for words in words_sought(asked.query)]
    sought += [match_words(Words((word,))) for each in asked.widened for word in each.words]
    views = []
    for place in places:
        uploads = find_upload_views(index, place, sought, names)
        inside = find_inside_views(index, place, sought, names)
        views.append(replace(await _view(logs, names, index, place), files=(*uploads, *inside)))
    return views


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
    record_id = name_place(place, names)
    raise SiteError(f"record {record_id} was indexed and is missing from the log: run `steelyard verify`")
