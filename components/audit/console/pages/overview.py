"""The overview: how much is said, refused and held, and, for auditors of the whole site, the state of the line."""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from aiohttp import web

from components.archive.reader import LogReader
from components.archive.record import Access
from components.audit.access import record_access
from components.audit.auditor import Auditor
from components.audit.console.health import Health, read_health
from components.audit.console.pages.narrow import Facet, view_facets, view_timeline
from components.audit.console.pages.review import Waiting, count_waiting
from components.audit.console.visit import REVIEWERS, Visit
from components.audit.facets import Facets, count_facets
from components.process.progress import ignore_progress
from components.settings.site import SiteFile

_DAYS = 30


@dataclass(frozen=True, slots=True)
class Overview:
    """What the overview shows. `checkpoint_age_s` is None while nothing is signed, or for who does not see the line."""

    facets: Facets
    health: Health | None
    checkpoint_age_s: int | None
    log_size: int
    access_id: str
    review: Waiting | None = None

    def count(self, verdict: str) -> int:
        """Return how many messages have a verdict."""
        return sum(day.count(verdict) for day in self.facets.days)

    @property
    def messages(self) -> int:
        """All messages."""
        return sum(day.records for day in self.facets.days)


async def show_overview(visit: Visit) -> web.StreamResponse:
    """Show the overview."""
    # Whole days: of these the index has counters, and the page counts nothing.
    first = datetime.fromtimestamp(visit.console.clock(), UTC).date() - timedelta(days=_DAYS - 1)
    query = f"kind:message after:{first}"
    found = await visit.look(lambda: _look(visit.console.site, visit.who, query))
    if REVIEWERS & visit.who.roles:
        found = replace(found, review=await count_waiting(visit))
    facets: tuple[Facet, ...] = view_facets(found.facets, query, visit.texts)
    chart = view_timeline(found.facets, query, visit.texts)
    return visit.page("overview.html", found=found, facets=facets, timeline=chart, query=query)


async def _look(site: SiteFile, auditor: Auditor, query: str) -> Overview:
    facets = await count_facets(site, query, ignore_progress, auditor)
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
    access = Access(auditor.id, "overview", query, time.time_ns(), size, messages)
    return Overview(facets, health, age_s, size, await record_access(site, access))
