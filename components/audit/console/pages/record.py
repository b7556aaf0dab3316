"""The page of one record: what it is, and why one may believe that it was so."""

from aiohttp import web

from components.archive.record import Submission
from components.audit.console.pages.view import view_record_page
from components.audit.console.there import find_there, read_place
from components.audit.console.visit import Visit
from components.audit.show import show
from components.process.progress import ignore_progress


async def show_record(visit: Visit) -> web.StreamResponse:
    """Show a record with its proof."""
    name, record_id = read_place(visit)
    there = await find_there(visit, name)
    detail = await visit.look(lambda: show(there.settings, record_id, ignore_progress, there.auditor))
    hidden, content, reading = there.hidden, detail.view.content, detail.view.reading
    rules = content.rules if isinstance(content, Submission) else ()
    nameless = hidden.nameless(rules, (reading.sender, reading.to)) if hidden else None
    return visit.page(
        "record.html",
        record=view_record_page(detail, nameless),
        prefix=there.prefix,
        has_reader=True,
        is_nameless=nameless is not None,
    )
