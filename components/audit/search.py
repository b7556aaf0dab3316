"""Searches what was said and sent: updates the index, searches, records the look, and only then returns the result."""

import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from components.archive.log.leaf import parse_leaf
from components.archive.opener import RecordOpener
from components.archive.orders.tombstoned import fetch_tombstoned
from components.archive.record import Access
from components.archive.store import LogSource
from components.audit.access import name_actor, record_access
from components.audit.index.as_of import AsOf, bound_by, describe_format, read_sizes
from components.audit.index.contents import count_failed, count_unheard
from components.audit.index.database import Connection
from components.audit.index.index import Index
from components.audit.index.logs import SEARCHED, IndexedLog, find_record
from components.audit.index.pages import Order, Page, PageFound, digest_ids, find_page, read_places
from components.audit.index.plan import count
from components.audit.indexed import (
    catch_up_all,
    find_indexed,
    find_inside_views,
    find_upload_views,
    open_indexed,
    open_site_index,
)
from components.audit.query.compile import Where, compile_query, match_words
from components.audit.query.parser import parse_query
from components.audit.query.tree import Everything, Node, OfKind, SearchKind, terms_of, words_sought
from components.audit.view import RecordView, view_record
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile

__all__ = ["FoundIds", "Order", "Page", "Scoped", "SearchResult", "find_ids", "search"]


class Scoped(Protocol):
    """Who searches (`Auditor`): `enterprises` are those whose records they may see, None if all of the site's."""

    @property
    def id(self) -> str:
        """By whom the look is recorded."""

    @property
    def enterprises(self) -> frozenset[str] | None:
        """The ids of enterprises."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A page of the result of a search: `records`, of `matched` among `submissions`, the oldest first.

    `log_size` is the size of the tree that was searched, `access_id` the record of this look. `unreadable` counts its
    records that no search surely finds: missing ones, those that do not open, and those that cannot be read;
    `files_unread` the files of which nobody knows what they say; `files_unheard` the sound that nothing here can hear.
    Behind the record `next_before` stand `more` that match. `digest` is over the ids of all that match. For who works
    with grants, `not_opened` counts the records that none of these opens.
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
    more: int = 0
    next_before: str = ""
    digest: str = ""
    not_opened: int = 0


@dataclass(frozen=True, slots=True)
class FoundIds:
    """The ids of all records that a query matches, the oldest first, and the digest over them.

    `query` is the tree that was asked, with the scope of who asked; `as_of` is when, and how much of each log.
    """

    query: Node
    as_of: AsOf
    digest: str
    places: "array[int]"
    names: Mapping[IndexedLog, str]

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


async def search(
    settings: SiteFile, query: str, page: Page, progress: Progress, auditor: Scoped | None = None
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
            found, counts = _find(index, compile_query(node), page, logs_for(node), now_ns)
            missing, unreadable, not_opened = set[str](), 0, 0
            for which, log in logs.items():
                gone = await _find_missing(log.reader.source, index, which)
                closed = index.unread(which) if settings.audit.grants else set[int]()
                not_opened += len(closed - gone) if which is not IndexedLog.AUDIT else 0
                unreadable += len(gone | index.unread(which)) - len(closed - gone)
                missing |= {f"{names[which]}/{number}" for number in gone}
            views = await _view_all(logs, names, index, found.places, node)
    # A newly destroyed record is in the index until a checkpoint covers its tombstone. It is not shown any more.
    views = [replace(view, missing=view.id in missing) for view in views]
    records = tuple(view for view in views if not view.destroyed)
    matched = found.matched - (len(views) - len(records))
    actor = auditor.id if auditor else name_actor()
    access = Access(
        actor,
        "search",
        query,
        now_ns,
        counts.log_size,
        matched,
        found.digest,
        log_sizes=counts.as_of.name_others(names),
        index_format=counts.as_of.index_format,
    )
    return SearchResult(
        node,
        records,
        matched,
        counts.submissions,
        counts.log_size,
        unreadable,
        access_id=await record_access(settings, access),
        files_unread=counts.files_unread,
        files_unheard=counts.files_unheard,
        more=found.more,
        next_before=_last_of(views, page.order) if found.more else "",
        digest=found.digest,
        not_opened=not_opened,
    )


def logs_for(node: Node) -> Sequence[IndexedLog]:
    """Return the logs that a search covers: the auditors' own only where it asks for looks or events."""
    own = (OfKind(SearchKind.LOOK), OfKind(SearchKind.EVENT))
    return tuple(IndexedLog) if any(term in own for term in terms_of(node)) else SEARCHED


async def find_ids(
    settings: SiteFile,
    query: str,
    progress: Progress,
    auditor: Scoped | None = None,
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
            where = compile_query(node)
            with index.look() as db:
                searched, logs_searched = as_of or _read_as_of(index, db, now_ns), logs_for(node)
                bounded = bound_by(where, searched.sizes) if as_of else where
                _, digest = digest_ids(db, bounded, logs_searched)
                places = read_places(db, bounded, logs_searched)
    return FoundIds(node, searched, digest, places, names)


def name_place(place: int, names: Mapping[IndexedLog, str]) -> str:
    """Return the id of the record at a place, by the names of logs."""
    which, number = find_record(place)
    return f"{names.get(which, which.name.lower())}/{number}"


@dataclass(frozen=True, slots=True)
class _Counts:
    submissions: int
    as_of: AsOf
    files_unread: int
    files_unheard: int

    @property
    def log_size(self) -> int:
        return self.as_of.sizes[IndexedLog.GATE]


def _find(
    index: Index, where: Where, page: Page, logs: Sequence[IndexedLog], now_ns: int
) -> tuple[PageFound, _Counts]:
    with index.look() as db:
        submissions = sum(count(db, compile_query(Everything()), which) for which in logs)
        counts = _Counts(submissions, _read_as_of(index, db, now_ns), count_failed(db), count_unheard(db))
        return find_page(db, where, page, logs), counts


def _read_as_of(index: Index, db: Connection, now_ns: int) -> AsOf:
    return AsOf(now_ns, read_sizes(index), describe_format(db))


def _last_of(views: list[RecordView], order: Order) -> str:
    return views[0 if order is Order.NEWEST else -1].id


async def _view_all(
    logs: Mapping[IndexedLog, RecordOpener],
    names: Mapping[IndexedLog, str],
    index: Index,
    places: tuple[int, ...],
    node: Node,
) -> list[RecordView]:
    sought = [match_words(words) for words in words_sought(node)]
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
