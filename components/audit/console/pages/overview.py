"""The overview: how much is said, refused and held, and, for auditors of the whole site, the state of the line.

Where there are several sites, it has a row for each, and what they make together.
"""

from datetime import UTC, datetime, timedelta

from aiohttp import web

from components.audit.auditor import Auditor
from components.audit.console.overview import SiteOverview, add_up, look_at_site
from components.audit.console.pages.narrow import Facet, view_facets, view_timeline
from components.audit.console.reviewing import reviewing_of
from components.audit.console.visit import Visit
from components.audit.sites.each import take_each
from components.audit.sites.named import NamedSite

_DAYS = 30


async def show_overview(visit: Visit) -> web.StreamResponse:
    """Show the overview."""
    console, reviewing = visit.console, reviewing_of(visit)
    # Whole days: of these the index has counters, and the page counts nothing.
    first = datetime.fromtimestamp(console.clock(), UTC).date() - timedelta(days=_DAYS - 1)
    query = f"kind:message after:{first}"

    async def take(site: NamedSite, auditor: Auditor) -> SiteOverview:
        return await look_at_site(site.settings, auditor, query, reviewing)

    # What the readers of the acts know is shared.
    async with console.reviewing:
        found = await visit.look(lambda: take_each(console.site, take, visit.who.id))
    whole = add_up(found) if len(found.sites) > 1 else found.sites[0].found
    facets: tuple[Facet, ...] = view_facets(whole.facets, query, visit.texts)
    chart = view_timeline(whole.facets, query, visit.texts)
    access_id = visit.name_records((at.name, at.found.access_id) for at in found.sites)
    return visit.page(
        "overview.html",
        found=whole,
        of_sites=found,
        facets=facets,
        timeline=chart,
        query=query,
        access_id=access_id,
    )
