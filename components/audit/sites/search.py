"""One search of all sites: a page of hits in the order of time, each message once, each record with its proof."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice
from typing import NamedTuple

from components.audit.facets import GROUPS, Facets, make_facets
from components.audit.index.contents import count_failed, count_unheard
from components.audit.index.logs import IndexedLog, find_record
from components.audit.index.pages import find_place
from components.audit.index.stream import At, stream
from components.audit.indexed import find_indexed
from components.audit.query.tree import Node, Or, Words
from components.audit.search import Order, Page, Unread, count_unread
from components.audit.show import prove_view
from components.audit.sites.around import ProvedRecord, SiteAround, view_around_at
from components.audit.sites.complete import OfAllSites
from components.audit.sites.count import count_each
from components.audit.sites.doubles import Spot, group_doubles
from components.audit.sites.named import SiteFault, find_site
from components.audit.sites.others import find_others
from components.audit.sites.reached import Reach, ReachedSite, reach_sites
from components.audit.sites.same import is_same
from components.audit.widened import Widened
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile

MOST_COPIES = 20
"""So many records of one message are shown with it: each person in a room has one."""

_BEFORE_ALL, _BEHIND_ALL = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Hit:
    """A message or other record that matches: the record that stands for it, and the others of the same message.

    Of these there are `copies` in all; at most MOST_COPIES of them are here. `around` is what was said before and after
    it at one of its sites, if that was asked for.
    """

    record: ProvedRecord
    others: tuple[ProvedRecord, ...]
    copies: int
    around: SiteAround | None = None


@dataclass(frozen=True, slots=True)
class SearchedSite:
    """A site that was searched: see SearchResult (components/audit/search.py) for the figures.

    `behind` says why its copy may lack what the site has, if it is one.
    """

    name: str
    matched: int
    log_size: int
    access_id: str
    behind: str
    unreadable: int
    not_opened: int
    files_unread: int
    files_unheard: int
    widened: tuple[Widened, ...]
    examined: int
    is_cut: bool


@dataclass(frozen=True, slots=True)
class SitesResult(OfAllSites):
    """A page of a search of several sites: `hits` of `matched`, the oldest first.

    `doubles` records match besides, which are of messages that are counted already. Behind the hit `next_before`,
    unless it is empty, the next page begins. `faults` are the sites that were not searched.
    """

    query: Node
    hits: tuple[Hit, ...]
    matched: int
    doubles: int
    sites: tuple[SearchedSite, ...]
    faults: tuple[SiteFault, ...]
    next_before: str = ""
    facets: Facets | None = None

    @property
    def sought(self) -> Node:
        """What to mark in the records: the query, with all spellings that it was widened to."""
        widened = (each for site in self.sites for each in site.widened)
        words = tuple(
            Words((word,)) for word in dict.fromkeys(word for each in widened for word in each.words)
        )
        return Or((self.query, *words)) if words else self.query


class _Turn(NamedTuple):
    """When a record was received, and its spot: their order is that of hits."""

    at_ns: int
    spot: Spot


async def search_sites(
    settings: SiteFile,
    query: str,
    page: Page,
    progress: Progress,
    who: str | None = None,
    *,
    context: int = 0,
    with_facets: bool = False,
) -> SitesResult:
    """Search all sites for a query, and return a page of the result; each site has a record of this look.

    `who` is the id of an auditor who is logged in; else it is this process's user. Raises QueryError, SiteError if the
    look cannot be recorded at the own site, and LogError.
    """
    async with reach_sites(settings, query, "search", progress, who) as reach:
        behind = _find_start(settings, reach, page.before) if page.before else None
        is_newest = page.order is Order.NEWEST
        turns = list(islice(_merge(reach, is_newest, behind, page.limit + 1), page.limit + 1))
        shown = turns[: page.limit]
        spots = [each.spot for each in (reversed(shown) if is_newest else shown)]
        unread = {rank: await count_unread(each.lookup) for rank, each in reach.reached.items()}
        hits, destroyed = await _make_hits(reach, spots, unread)
        if context:
            hits = [await _add_context(reach, hit, context) for hit in hits]
        next_before = _name(reach, shown[-1].spot) if len(turns) > page.limit else ""
        return SitesResult(
            reach.reached[0].lookup.asked.query,
            tuple(hits),
            reach.matched - destroyed,
            len(reach.doubles),
            tuple(_describe(each, unread[rank]) for rank, each in reach.reached.items()),
            reach.faults,
            next_before,
            make_facets(count_each(reach, GROUPS)) if with_facets else None,
        )


def _merge(reach: Reach, is_newest: bool, behind: _Turn | None, limit: int) -> Iterator[_Turn]:
    pages = [_read_turns(reach, each, is_newest, behind, limit) for each in reach.reached.values()]
    return merge(*pages, reverse=is_newest)


def _read_turns(
    reach: Reach, site: ReachedSite, is_newest: bool, behind: _Turn | None, limit: int
) -> list[_Turn]:
    """Return the next turns of a site, without the records for which others stand."""
    rank, asked = site.site.rank, site.lookup.asked
    doubles = set(reach.doubles_at(rank))
    with site.lookup.index.look() as db:
        found = stream(
            db, asked.where, asked.logs, newest_first=is_newest, behind=behind and _bound(behind, rank)
        )
        own = (at for at in found if at.place not in doubles)
        return [_Turn(at.at_ns, Spot(rank, at.place)) for at in islice(own, limit)]


def _bound(behind: _Turn, rank: int) -> At:
    """Return behind what a site's records have their turn: of one time, those of the first site come first."""
    at_ns, spot = behind
    if rank == spot.rank:
        return At(at_ns, spot.place)
    return At(at_ns, _BEHIND_ALL if rank < spot.rank else _BEFORE_ALL)


def _find_start(settings: SiteFile, reach: Reach, before: str) -> _Turn:
    """Return the turn of the hit behind which a page begins; raises SiteError."""
    name, _, record_id = before.rpartition(":")
    find_site(settings, name)
    for rank, each in reach.reached.items():
        if each.site.name == name:
            with each.lookup.index.look() as db:
                place = find_place(db, record_id)
                row = db.execute("SELECT received_at_ns FROM entry WHERE idx = ?", (place,)).fetchone()
            if place is not None and row is not None:
                return _Turn(int(row[0]), Spot(rank, place))
    raise SiteError(f"there is no record {before} to go on from: begin with the first page again")


def _name(reach: Reach, spot: Spot) -> str:
    return reach.reached[spot.rank].name(spot.place)


async def _make_hits(
    reach: Reach, spots: Sequence[Spot], unread: Mapping[int, Unread]
) -> tuple[list[Hit], int]:
    """Return the hits of a page, and how many of them were destroyed while the index did not know it."""
    copies = {
        spot: find_others(reach, spot, group) for spot, group in group_doubles(reach.doubles, spots).items()
    }
    wanted = [each for spot in spots for each in (spot, *copies[spot][:MOST_COPIES])]
    proved = await _prove_all(reach, wanted, unread)
    hits = list[Hit]()
    for spot in spots:
        group = [spot, *copies[spot][:MOST_COPIES]]
        # One that was destroyed just now is in the index still: then the next of those that match is the hit.
        matching = (each for each in group if each == spot or each in reach.doubles)
        first = next((each for each in matching if not proved[each].view.destroyed), None)
        if first is None:
            continue
        said = proved[first].view
        others = (proved[each] for each in group if each != first)
        compared = (replace(each, differs=not is_same(said, each.view)) for each in others)
        hits.append(Hit(proved[first], tuple(compared), len(copies[spot])))
    return hits, len(spots) - len(hits)


async def _add_context(reach: Reach, hit: Hit, count: int) -> Hit:
    return replace(hit, around=await view_around_at(reach, (hit.record, *hit.others), count))


async def _prove_all(
    reach: Reach, spots: Sequence[Spot], unread: Mapping[int, Unread]
) -> Mapping[Spot, ProvedRecord]:
    """Return records with their proofs, each under the newest checkpoint of its log; raises LogError."""
    proved = dict[Spot, ProvedRecord]()
    for rank, site in reach.reached.items():
        own = [spot for spot in dict.fromkeys(spots) if spot.rank == rank]
        logs = find_indexed(site.site.settings)
        for spot, view in zip(own, await site.lookup.view(spot.place for spot in own), strict=True):
            which = find_record(spot.place)[0]
            seen = replace(view, missing=view.id in unread[rank].missing)
            proof = await prove_view(logs[which], site.lookup.logs[which].reader, seen)
            proved[spot] = ProvedRecord(site.site.name, site.name(spot.place), seen, proof)
    return proved


def _describe(site: ReachedSite, unread: Unread) -> SearchedSite:
    index, asked = site.lookup.index, site.lookup.asked
    inside = asked.scope if asked.is_scoped else None
    with index.look() as db:
        files_unread, files_unheard = count_failed(db, inside), count_unheard(db, inside)
    return SearchedSite(
        site.site.name,
        site.matched,
        index.size_of(IndexedLog.GATE),
        site.access_id,
        site.behind,
        unread.unreadable,
        unread.not_opened,
        files_unread,
        files_unheard,
        asked.widened,
        asked.examined,
        asked.is_cut,
    )
