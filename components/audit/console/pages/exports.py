"""Exports: begun here, in any format, and fetched as one file when they are complete."""

from functools import partial

from aiohttp import web

from components.archive.record import Access
from components.audit.access import record_access
from components.audit.console.jobs import MOST_OF_ONE, Job
from components.audit.console.there import hidden_at
from components.audit.console.visit import Refused, Visit
from components.audit.export.export import ExportResult, Wanted, export
from components.audit.export.formats import FORMATS
from components.audit.query.parser import parse_query
from components.audit.sites.export import Asking, SitesExport, export_sites
from components.audit.sites.named import UNREACHABLE, find_site


async def list_exports(visit: Visit) -> web.StreamResponse:
    """Show the auditor's exports; one under way is asked for again by the page."""
    template = "exports_list.html" if visit.is_fragment else "exports.html"
    jobs = visit.console.jobs.of(visit.who.id)
    return visit.page(template, jobs=jobs, formats=sorted(FORMATS), query=visit.argument("q"))


async def begin_export(visit: Visit) -> web.StreamResponse:
    """Begin an export of what a query matches."""
    auditor, site, jobs = visit.who, visit.console.site, visit.console.jobs
    query, format_ = visit.said("query").strip(), visit.said("format")
    parse_query(query, int(visit.console.clock() * 1e9))
    if format_ not in FORMATS or sum(job.is_under_way for job in jobs.of(auditor.id)) >= MOST_OF_ONE:
        raise Refused(400, "error.export")
    wanted = Wanted(query, format_, visit.zone, visit.said("matter").strip(), visit.said("reason").strip())
    # An export has all names.
    if not wanted.reason and _hides_names(visit):
        raise Refused(403, "error.reason")
    is_partial = visit.said("incomplete") == "yes"

    async def run(job: Job) -> ExportResult | SitesExport:
        if site.audit.sites:
            asking = Asking(job.progress, auditor.id, is_partial)
            return await visit.look(
                partial(export_sites, site, wanted, job.folder, asking), visit.console.exporting
            )
        take = partial(export, site, wanted, job.folder, job.progress, auditor)
        return await visit.look(take, visit.console.exporting)

    jobs.begin(auditor.id, query, format_, run)
    return visit.go_to("/exports")


def _hides_names(visit: Visit) -> bool:
    """Return whether names wait for a reason at any site; also where nobody can tell."""
    own = visit.console.site
    try:
        known = [hidden_at(visit, each.name, find_site(own, each.name)) for each in own.audit.sites]
        return any(hidden is not None and hidden.is_used for hidden in (visit.hidden, *known))
    except UNREACHABLE:
        return visit.hidden is not None


async def fetch_export(visit: Visit) -> web.StreamResponse:
    """Send a complete export."""
    job = visit.console.jobs.find(visit.who.id, visit.request.match_info["id"])
    if job is None or job.file is None:
        raise Refused(404, "error.404")
    export_id = job.result.access_id if job.result else ""
    access = Access(visit.who.id, "export fetch", export_id, int(visit.console.clock() * 1e9), 0, 1)
    await visit.record(lambda: record_access(visit.console.site, access))
    name = f"steelyard-{job.format}-{job.id}.zip"
    return web.FileResponse(job.file, headers={"Content-Disposition": f'attachment; filename="{name}"'})
