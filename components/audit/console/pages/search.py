"""The search page: a query, what it finds, and the way on."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from aiohttp import web

from components.audit.console.hidden import Hidden
from components.audit.console.pages.narrow import view_facets, view_timeline
from components.audit.console.pages.sites import find_hidden, search_all, view_found
from components.audit.console.pages.view import Hit, view_hit
from components.audit.console.render import Texts
from components.audit.console.reviewing import signs_elsewhere
from components.audit.console.visit import Visit
from components.audit.facets import Facets, count_facets
from components.audit.query.error import QueryError
from components.audit.search import Page, SearchResult, search
from components.audit.sites.search import SitesResult
from components.audit.widened import Widened
from components.process.progress import ignore_progress

HITS = 50

# A query, and the text of the catalogue that says what it finds.
EXAMPLES = (
    ("copper", "hint.word"),
    ('"firm until"', "hint.phrase"),
    ("from:alice@metals.example to:bob@metals.example", "hint.people"),
    ("verdict:refuse", "hint.refused"),
    ("has:file", "hint.files"),
    ("after:2026-01-01 before:2026-02-01", "hint.dates"),
    ("copper NOT from:bob@metals.example", "hint.not"),
)


@dataclass(frozen=True, slots=True)
class QueryFault:
    """A query that cannot be understood, cut at the place where that is."""

    before: str
    at: str
    after: str
    message: str


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A page of a result."""

    hits: tuple[Hit, ...]
    matched: int
    submissions: int
    unreadable: int
    files_unread: int
    access_id: str
    widened: str = ""
    of_sites: SitesResult | None = None


async def go_home(visit: Visit) -> web.StreamResponse:
    """Go to the search page."""
    return visit.go_to("/search")


async def show_search(visit: Visit) -> web.StreamResponse:
    """Search, and show what is found; without a query, show how one looks."""
    query = visit.argument("q").strip()
    if not query:
        return _answer(visit, "")
    page = Page(HITS, visit.argument("before"))
    try:
        if visit.console.site.audit.sites:
            return await _show_sites(visit, query, page)
        result, facets = await _search(visit, query, page)
    except QueryError as error:
        return _answer(visit, query, fault=_cut(visit.texts, error), status=400)
    return _answer(
        visit,
        query,
        found=_view(result, visit.hidden),
        facets=_without_people(facets, visit.hidden),
        next_page=_find_next(query, result.next_before),
    )


async def _show_sites(visit: Visit, query: str, page: Page) -> web.StreamResponse:
    result = await search_all(visit, query, page)
    hidden, facets = find_hidden(visit, result), result.facets
    for each in hidden.values():
        facets = _without_people(facets, each)
    found = FoundPage(
        tuple(view_found(result, hidden, visit.console.site.site.name)),
        result.matched,
        0,
        sum(each.unreadable for each in result.sites),
        sum(each.files_unread for each in result.sites),
        ", ".join(f"{each.name}:{each.access_id}" for each in result.sites),
        _tell_widened(each for site in result.sites for each in site.widened),
        result,
    )
    return _answer(visit, query, found=found, facets=facets, next_page=_find_next(query, result.next_before))


async def _search(visit: Visit, query: str, page: Page) -> tuple[SearchResult, Facets | None]:
    """Search and count at once; nothing is shown before the search is recorded."""
    site, who = visit.console.site, visit.who
    searching = visit.look(lambda: search(site, query, page, ignore_progress, who))
    if page.before:
        return await searching, None
    counting = visit.look(lambda: count_facets(site, query, ignore_progress, who))
    return await asyncio.gather(searching, counting)


def _answer(
    visit: Visit,
    query: str,
    *,
    found: FoundPage | None = None,
    facets: Facets | None = None,
    fault: QueryFault | None = None,
    next_page: str = "",
    status: int = 200,
) -> web.StreamResponse:
    return visit.page(
        "search.html",
        status=status,
        query=query,
        found=found,
        fault=fault,
        next_page=next_page,
        examples=EXAMPLES,
        timeline=view_timeline(facets, query, visit.texts) if facets else "",
        facets=view_facets(facets, query, visit.texts) if facets else (),
        must_sign=signs_elsewhere(visit),
        has_reader=True,
    )


def _without_people(facets: Facets | None, hidden: Hidden | None) -> Facets | None:
    """Return facets without people, where a rule that hides names matched: counts would tell them."""
    rules = [rule for name, values in facets.values if name == "rule" for rule, _ in values] if facets else []
    if facets is None or hidden is None or not hidden.covers(rules):
        return facets
    return replace(facets, values=tuple(each for each in facets.values if each[0] != "person"))


def _view(result: SearchResult, hidden: Hidden | None) -> FoundPage:
    # The newest first, as the pages go on to older ones.
    hits = tuple(view_hit(view, result.sought, hidden) for view in reversed(result.records))
    return FoundPage(
        hits,
        result.matched,
        result.submissions,
        result.unreadable,
        result.files_unread,
        result.access_id,
        _tell_widened(result.widened),
    )


def _tell_widened(widened: Iterable[Widened]) -> str:
    return ", ".join(dict.fromkeys(word for each in widened for word in each.words))


def _find_next(query: str, before: str) -> str:
    return "/search?" + urlencode({"q": query, "before": before}) if before else ""


def _cut(texts: Texts, error: QueryError) -> QueryFault:
    query, position = error.query, error.position
    return QueryFault(
        query[:position], query[position : position + 1], query[position + 1 :], texts.fault(error)
    )
