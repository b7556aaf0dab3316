"""The search page where there are several sites: each message once, with its records at all of them (docs/sites.md)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from components.audit.console.hidden import Hidden
from components.audit.console.pages.view import Hit, OtherRecord, view_hit
from components.audit.console.there import hidden_at
from components.audit.console.visit import Visit
from components.audit.search import Page
from components.audit.sites.around import ProvedRecord
from components.audit.sites.named import find_site
from components.audit.sites.search import Hit as FoundHit
from components.audit.sites.search import SitesResult, search_sites
from components.process.progress import ignore_progress

HiddenBySite = Mapping[str, Hidden | None]


async def search_all(visit: Visit, query: str, page: Page) -> SitesResult:
    """Search all sites in the name of who is logged in, with counts on the first page."""
    site, who = visit.console.site, visit.who.id
    is_first = not page.before
    return await visit.look(
        lambda: search_sites(site, query, page, ignore_progress, who, with_facets=is_first)
    )


def find_hidden(visit: Visit, result: SitesResult) -> dict[str, Hidden | None]:
    """Return for each site that was searched what knows whose names its rules hide."""
    own = visit.console.site
    return {each.name: hidden_at(visit, each.name, find_site(own, each.name)) for each in result.sites}


def view_found(result: SitesResult, hidden: HiddenBySite, own: str) -> Iterator[Hit]:
    """Yield the hits, the newest first; ids of the console's own site are as they are everywhere on it."""
    for hit in reversed(result.hits):
        yield _view(hit, result, hidden, own)


def _view(hit: FoundHit, result: SitesResult, hidden: HiddenBySite, own: str) -> Hit:
    record = hit.record
    viewed = view_hit(record.view, result.sought, hidden[record.site])
    return replace(
        viewed,
        id=_name(record, own),
        site=record.site,
        fault=record.proof.fault,
        others=tuple(OtherRecord(_name(each, own), each.differs, each.proof.fault) for each in hit.others),
        more=hit.copies - len(hit.others),
    )


def _name(record: ProvedRecord, own: str) -> str:
    return record.id.removeprefix(f"{own}:")
