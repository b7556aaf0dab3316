"""The search page: a query, what it finds, and the way on."""

from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from components.audit.console.pages.view import Hit, view_hit
from components.audit.console.visit import Visit
from components.audit.query.error import QueryError
from components.audit.search import Page, SearchResult, search

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
        result = await visit.look(
            lambda: search(visit.console.site, query, page, _ignore_progress, visit.who)
        )
    except QueryError as error:
        return _answer(visit, query, fault=_cut(error), status=400)
    return _answer(visit, query, found=_view(result), next_page=_find_next(query, result))


def _answer(
    visit: Visit,
    query: str,
    *,
    found: FoundPage | None = None,
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
        timeline="",
        facets=(),
        has_reader=False,
    )


def _view(result: SearchResult) -> FoundPage:
    # The newest first, as the pages go on to older ones.
    hits = tuple(view_hit(view, result.query) for view in reversed(result.records))
    return FoundPage(
        hits, result.matched, result.submissions, result.unreadable, result.files_unread, result.access_id
    )


def _find_next(query: str, result: SearchResult) -> str:
    if not result.next_before:
        return ""
    return "/search?" + urlencode({"q": query, "before": result.next_before})


def _cut(error: QueryError) -> QueryFault:
    query, position = error.query, error.position
    return QueryFault(query[:position], query[position : position + 1], query[position + 1 :], error.message)


def _ignore_progress(_done: int, _all: int) -> None:
    pass
