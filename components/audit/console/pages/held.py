"""Held messages and files: those that wait for a reviewer at any site, and the decision on each."""

from dataclasses import dataclass

from aiohttp import web

from components.audit.console.reviewing import (
    author_here,
    prefix_of,
    reviewing_of,
    signing_at,
    signs_elsewhere,
)
from components.audit.console.visit import Refused, Visit
from components.audit.review.held import HeldList
from components.audit.review.held_files import find_file_log
from components.audit.sites.each import AtSite
from components.audit.sites.held import decide_at, list_held_at_each

_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class HeldThere:
    """What a site holds, and what its records are called on pages; `must_sign`: decided on elsewhere, with a key."""

    site: str
    held: HeldList
    log: str
    file_log: str
    must_sign: bool


async def show_held(visit: Visit) -> web.StreamResponse:
    """Show what is held, at each site the oldest first, with the time that is left."""
    site = visit.console.site
    found = await visit.look(lambda: list_held_at_each(site, _TIMEOUT_S, reviewing_of(visit)))
    there = [_view(visit, at) for at in found.sites]
    return visit.page(
        "held.html",
        of_sites=found,
        there=there,
        is_empty=not any(each.held.held or each.held.files.held for each in there),
        access_id=visit.name_records((each.site, each.held.access_id) for each in there),
        now_ns=int(visit.console.clock() * 1e9),
        must_sign=any(each.must_sign for each in there),
        signs=signing_at(visit, site) is not None,
    )


def _view(visit: Visit, at: AtSite[HeldList]) -> HeldThere:
    settings, prefix = at.site.settings, prefix_of(at)
    file_log = find_file_log(settings)
    return HeldThere(
        at.name,
        at.found,
        prefix(settings.gate_log.name),
        prefix(file_log.name) if file_log else "",
        signs_elsewhere(visit, settings),
    )


async def decide(visit: Visit) -> web.StreamResponse:
    """Release or refuse one of them, at the site that holds it."""
    site, record, kind = visit.console.site, visit.said("record"), visit.said("act")
    reason = visit.said("reason").strip()
    if kind not in ("release", "refuse") or not reason:
        raise Refused(400, "error.act")
    author, reviewing = author_here(visit), reviewing_of(visit)
    await visit.look(lambda: decide_at(site, record, kind, reason, _TIMEOUT_S, author, reviewing))
    return visit.go_to("/held")
