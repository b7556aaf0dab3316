"""The page of a conversation: around a record, on from a record, or as somebody saw it at a time."""

import asyncio
from urllib.parse import urlencode

from aiohttp import web

from components.audit.console.pages.talk import name_party, view_talk
from components.audit.console.render import find_zone
from components.audit.console.reviewing import signs_elsewhere
from components.audit.console.there import find_there, hidden_at, read_place
from components.audit.console.visit import Refused, Visit
from components.audit.conversation.read import Around, ConversationView, Whole, read_conversation
from components.audit.moment import parse_time
from components.audit.query.error import QueryError
from components.audit.query.parser import parse_query
from components.audit.query.tree import Node
from components.audit.sites.named import find_site
from components.audit.sites.read import Look, SitesTalk, read_sites
from components.process.errors import SiteError
from components.process.progress import ignore_progress

_AROUND = 15
_PAGE = 50


async def show_around(visit: Visit) -> web.StreamResponse:
    """Show what was said before and after a record."""
    name, record_id = read_place(visit)
    return await _show(visit, Around(record_id, _AROUND, _AROUND), name)


async def show_whole(visit: Visit) -> web.StreamResponse:
    """Show a conversation by its parties, page by page."""
    parties = tuple(visit.argument("with").split())
    if not 1 <= len(parties) <= 2:
        raise Refused(400, "error.parties")
    sites, ids = zip(*(_split(visit.argument(way)) for way in ("before", "after")), strict=True)
    return await _show(visit, Whole(parties, _PAGE, *ids), max(sites))


def _split(record_id: str) -> tuple[str, str]:
    name, _, own = record_id.rpartition(":")
    return name, own


async def _show(visit: Visit, what: Whole | Around, name: str = "") -> web.StreamResponse:
    seen_by, at_ns = visit.argument("seen_by").strip(), _read_time(visit)
    site = visit.console.site
    talk: SitesTalk | None = None
    if site.audit.sites:
        if name:
            await find_there(visit, name)
        look = Look(ignore_progress, visit.who.id, seen_by, at_ns)
        talk = await visit.look(lambda: read_sites(site, what, look, name))
        view = talk.view
    else:
        view = await visit.look(
            lambda: read_conversation(site, what, ignore_progress, visit.who, seen_by, at_ns)
        )
    if await asyncio.to_thread(_waits, visit, view, talk):
        raise Refused(403, "error.reason")
    return visit.page(
        "conversation.html",
        talk=view_talk(view, _read_query(visit)),
        sites=talk,
        must_sign=signs_elsewhere(visit),
        query=visit.argument("q"),
        seen_by=seen_by,
        at_text=visit.argument("at"),
        name=name_party,
        earlier=_find_page(view, "before", view.more_before),
        later=_find_page(view, "after", view.more_after),
    )


def _waits(visit: Visit, view: ConversationView, talk: SitesTalk | None) -> bool:
    """Return whether names wait for a reason in any of the items, by the rules of the site that each is of."""
    places: dict[str, list[int]] = {}
    for item in view.items:
        places.setdefault(_split(item.record)[0] if talk else "", []).append(item.place)
    own = visit.console.site
    for name, some in places.items():
        hidden = hidden_at(visit, name, find_site(own, name)) if name else visit.hidden
        if hidden is not None and hidden.covers_any(some):
            return True
    return False


def _read_query(visit: Visit) -> Node | None:
    try:
        return (
            parse_query(visit.argument("q"), int(visit.console.clock() * 1e9))
            if visit.argument("q")
            else None
        )
    except QueryError:  # its hits are not marked; the conversation is the same
        return None


def _read_time(visit: Visit) -> int | None:
    text = visit.argument("at").strip()
    if not text:
        return None
    try:
        return parse_time(text, find_zone(visit.zone))
    except SiteError:
        raise Refused(400, "error.time") from None


def _find_page(view: ConversationView, way: str, record_id: str) -> str:
    if not record_id:
        return ""
    with_ = " ".join(party.jid for party in view.parties)
    return "/conversation?" + urlencode({"with": with_, way: record_id})
