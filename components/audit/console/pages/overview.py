"""The overview: how much is said, refused and held, and, for auditors of the whole site, the state of the line."""

import time
from dataclasses import dataclass

from aiohttp import web

from components.archive.reader import LogReader
from components.archive.record import Access
from components.audit.access import record_access
from components.audit.auditor import Auditor
from components.audit.console.health import Health, read_health
from components.audit.console.pages.narrow import Facet, view_facets, view_timeline
from components.audit.console.visit import Visit
from components.audit.facets import Facets, count_facets
from components.process.progress import ignore_progress
from components.settings.site import SiteFile

_QUERY = "kind:message after:30d"


@dataclass(frozen=True, slots=True)
class Overview:
    """What the overview shows. `checkpoint_age_s` is None while nothing is signed, or for who does not see the line."""

    facets: Facets
    health: Health | None
    checkpoint_age_s: int | None
    log_size: int
    access_id: str

    def count(self, verdict: str) -> int:
        """Return how many messages have a verdict."""
        return sum(day.count(verdict) for day in self.facets.days)

    @property
    def messages(self) -> int:
        """All messages."""
        return sum(day.records for day in self.facets.days)


async def show_overview(visit: Visit) -> web.StreamResponse:
    """Show the overview."""
    found = await visit.look(lambda: _look(visit.console.site, visit.who))
    facets: tuple[Facet, ...] = view_facets(found.facets, _QUERY, visit.texts)
    chart = view_timeline(found.facets, _QUERY, visit.texts)
    return visit.page("overview.html", found=found, facets=facets, timeline=chart, query=_QUERY)


async def _look(site: SiteFile, auditor: Auditor) -> Overview:
    facets = await count_facets(site, _QUERY, ignore_progress, auditor)
    age_s, size = None, 0
    # How the line does as a whole tells of all enterprises.
    health = read_health(site) if auditor.enterprises is None else None
    if health is not None:
        reader = await LogReader.open(site.gate_log.store)
        try:
            row = await reader.source.fetch_newest_checkpoint()
        finally:
            await reader.close()
        age_s, size = (max(0, int(time.time()) - row.second), row.size) if row else (None, 0)
    messages = sum(day.records for day in facets.days)
    access = Access(auditor.id, "overview", _QUERY, time.time_ns(), size, messages)
    return Overview(facets, health, age_s, size, await record_access(site, access))
