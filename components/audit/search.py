"""Searches what was said and sent: updates the index, searches, records the look, and only then returns the result."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from components.archive.log.leaf import parse_leaf
from components.archive.orders.tombstoned import fetch_tombstoned
from components.archive.store import LogSource
from components.audit.access import digest_of
from components.audit.auditor import Auditor
from components.audit.index.as_of import AsOf, bound_by
from components.audit.index.contents import count_failed, count_unheard
from components.audit.index.index import Index
from components.audit.index.logs import IndexedLog
from components.audit.index.pages import (
    Order,
    Page,
    PageFound,
    digest_ids,
    find_page,
    name_place,
    read_places,
)
from components.audit.lookup import Lookup, look_up
from components.audit.query.tree import Node, Or, Words
from components.audit.view import Around, RecordView
from components.audit.widened import Widened
from components.process.progress import Progress
from components.settings.site import SiteFile

__all__ = ["FoundIds", "Order", "Page", "Scoped", "SearchResult", "find_ids", "name_place", "search"]

Scoped = Auditor
"""Who searches: the scope of a search is what they may see."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A page of the result of a search: `records`, of `matched` among `submissions`, the oldest first.

    `log_size` is the size of the tree that was searched, `access_id` the record of this look. `unreadable` counts its
    records that no search surely finds: missing ones, those that do not open, and those that cannot be read;
    `files_unread` the files of which nobody knows what they say; `files_unheard` the sound that nothing here can hear.
    Behind the record `next_before`, unless it is empty, the next page begins. `digest` is over the ids of all that
    match. Near spellings were `widened` to these words. For regular expressions the newest `examined` records were
    looked into; where it `is_cut`, others may match that nobody looked into. `around` has what was said before and
    after records, by their ids. For who works with grants, `not_opened` counts the records that none of these opens.
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
    not_opened: int = 0
    widened: tuple[Widened, ...] = ()
    examined: int = 0
    is_cut: bool = False
    around: Mapping[str, Around] = field(default_factory=dict)

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


async def search(
    settings: SiteFile,
    query: str,
    page: Page,
    progress: Progress,
    auditor: Auditor | None = None,
    context: int = 0,
) -> SearchResult:
    """Search the logs of messages and of files for a query (docs/query.md), and return a page of the result.

    With `context`, so many records of its conversation come before and after each. Raises QueryError, SiteError if the
    look cannot be recorded, and LogError.
    """
    async with look_up(settings, query, progress, auditor) as lookup:
        asked = lookup.asked
        found, counts = _find(lookup, page)
        unread = await count_unread(lookup)
        # A newly destroyed record is in the index until a checkpoint covers its tombstone. It is not shown any more.
        views = [replace(view, missing=view.id in unread.missing) for view in await lookup.view(found.places)]
        records = tuple(view for view in views if not view.destroyed)
        matched = found.matched - (len(views) - len(records))
        around = await _view_around(lookup, found.places, context) if context else {}
        return SearchResult(
            asked.query,
            records,
            matched,
            counts.submissions,
            counts.log_size,
            unread.unreadable,
            access_id=await lookup.record("search", matched, found.digest),
            files_unread=counts.files_unread,
            files_unheard=counts.files_unheard,
            next_before=_last_of(views, page.order) if found.is_more else "",
            digest=found.digest,
            not_opened=unread.not_opened,
            widened=asked.widened,
            examined=asked.examined,
            is_cut=asked.is_cut,
            around=around,
        )


@dataclass(frozen=True, slots=True)
class Unread:
    """What no search surely finds in the logs of a look: how many records are `unreadable`, how many `not_opened`.

    `missing` are the ids of those that are gone without an order. For the rest see SearchResult.
    """

    unreadable: int
    not_opened: int
    missing: frozenset[str]


async def count_unread(lookup: Lookup) -> Unread:
    """Count the records of which nobody knows what they say; raises LogError."""
    index, missing, unreadable, not_opened = lookup.index, set[str](), 0, 0
    for which, log in lookup.logs.items():
        gone = await _find_missing(log.reader.source, index, which)
        closed = index.unread(which) if lookup.settings.audit.grants else set[int]()
        not_opened += len(closed - gone) if which is not IndexedLog.AUDIT else 0
        unreadable += len(gone | index.unread(which)) - len(closed - gone)
        missing |= {f"{lookup.names[which]}/{number}" for number in gone}
    return Unread(unreadable, not_opened, frozenset(missing))


async def _view_around(lookup: Lookup, places: Sequence[int], context: int) -> Mapping[str, Around]:
    """Return what stands around the hits, and record that it is shown, too: the query does not tell it."""
    from components.audit.around import view_around

    if not (around := await view_around(lookup, places, context)):
        return around
    shown = [view.id for each in around.values() for view in (*each.before, *each.after)]
    what = f"{' '.join(around)} --context {context}"
    await lookup.record("read", len(shown), digest_of(dict.fromkeys(shown)), what)
    return around


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
    async with look_up(settings, query, progress, auditor, as_of.at_ns if as_of else None) as lookup:
        asked, searched = lookup.asked, as_of or lookup.as_of
        where = bound_by(asked.where, searched.sizes) if as_of else asked.where
        with lookup.index.look() as db:
            places = read_places(db, where, asked.logs)
            digest = digest_ids(db, where, asked.logs)
        return FoundIds(asked.query, searched, digest, places, lookup.names, asked.is_cut)


@dataclass(frozen=True, slots=True)
class _Counts:
    submissions: int
    log_size: int
    files_unread: int
    files_unheard: int


def _find(lookup: Lookup, page: Page) -> tuple[PageFound, _Counts]:
    index, asked = lookup.index, lookup.asked
    inside = asked.scope if asked.is_scoped else None
    found = find_page(index, asked.where, page, asked.logs)
    submissions = index.count(asked.scope, logs=asked.logs) if inside else found.entries
    with index.look() as db:
        unread, unheard = count_failed(db, inside), count_unheard(db, inside)
        return found, _Counts(submissions, index.size_of(IndexedLog.GATE), unread, unheard)


def _last_of(views: list[RecordView], order: Order) -> str:
    return views[0 if order is Order.NEWEST else -1].id


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
