"""Held messages and files: those that wait for a reviewer, and the decision on each."""

from aiohttp import web

from components.audit.author import Author
from components.audit.console.pages.review import require_unsigned
from components.audit.console.visit import Refused, Visit
from components.audit.review.held import decide_held, list_held
from components.audit.review.held_files import find_file_log
from components.rules.reviewers import load_reviewers

_TIMEOUT_S = 10.0


async def show_held(visit: Visit) -> web.StreamResponse:
    """Show what is held, the oldest first, with the time that is left."""
    site = visit.console.site
    held = await visit.look(lambda: list_held(site, _TIMEOUT_S, visit.who))
    file_log = find_file_log(site)
    return visit.page(
        "held.html",
        held=held,
        log=site.gate_log.name,
        file_log=file_log.name if file_log else "",
        now_ns=int(visit.console.clock() * 1e9),
        must_sign=load_reviewers(site).must_sign,
    )


async def decide(visit: Visit) -> web.StreamResponse:
    """Release or refuse one of them."""
    site, record, kind = visit.console.site, visit.said("record"), visit.said("act")
    reason = visit.said("reason").strip()
    if kind not in ("release", "refuse") or not reason:
        raise Refused(400, "error.act")
    require_unsigned(visit)
    author = Author(visit.who)
    await visit.look(lambda: decide_held(site, record, kind, reason, _TIMEOUT_S, author))
    return visit.go_to("/held")
