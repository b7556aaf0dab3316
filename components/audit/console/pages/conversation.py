"""The page of a conversation: around a record, on from a record, or as somebody saw it at a time."""

import asyncio
from datetime import datetime
from urllib.parse import urlencode

from aiohttp import web

from components.audit.console.pages.talk import name_party, view_talk
from components.audit.console.render import find_zone
from components.audit.console.visit import Refused, Visit
from components.audit.conversation.read import Around, ConversationView, Whole, read_conversation
from components.audit.query.error import QueryError
from components.audit.query.parser import parse_query
from components.audit.query.tree import Node
from components.process.progress import ignore_progress

_AROUND = 15
_PAGE = 50


async def show_around(visit: Visit) -> web.StreamResponse:
    """Show what was said before and after a record."""
    path = visit.request.match_info
    return await _show(visit, Around(f"{path['log']}/{path['number']}", _AROUND, _AROUND))


async def show_whole(visit: Visit) -> web.StreamResponse:
    """Show a conversation by its parties, page by page."""
    parties = tuple(visit.argument("with").split())
    if not 1 <= len(parties) <= 2:
        raise Refused(400, "error.parties")
    return await _show(visit, Whole(parties, _PAGE, visit.argument("before"), visit.argument("after")))


async def _show(visit: Visit, what: Whole | Around) -> web.StreamResponse:
    seen_by, at_ns = visit.argument("seen_by").strip(), _read_time(visit)
    view = await visit.look(
        lambda: read_conversation(visit.console.site, what, ignore_progress, visit.who, seen_by, at_ns)
    )
    hidden = visit.hidden
    places = [each.place for each in view.items]
    waits: bool = hidden is not None and await asyncio.to_thread(hidden.covers_any, places)
    if waits:
        raise Refused(403, "error.reason")
    return visit.page(
        "conversation.html",
        talk=view_talk(view, _read_query(visit)),
        query=visit.argument("q"),
        seen_by=seen_by,
        at_text=visit.argument("at"),
        name=name_party,
        earlier=_find_page(view, "before", view.more_before),
        later=_find_page(view, "after", view.more_after),
    )


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
        at = datetime.fromisoformat(text)
        return int(at.replace(tzinfo=at.tzinfo or find_zone(visit.zone)).timestamp() * 1e9)
    except (ValueError, OverflowError):
        raise Refused(400, "error.time") from None


def _find_page(view: ConversationView, way: str, record_id: str) -> str:
    if not record_id:
        return ""
    with_ = " ".join(party.jid for party in view.parties)
    return "/conversation?" + urlencode({"with": with_, way: record_id})
