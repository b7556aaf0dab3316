"""Matters: those that an auditor works on, what is in one, and what is added to it from here."""

from functools import partial

from aiohttp import web

from components.archive.record import Submission
from components.audit.console.reviewing import find_author, signs_elsewhere
from components.audit.console.there import hidden_at
from components.audit.console.visit import Refused, Visit
from components.audit.matter.acts import act, open_matter
from components.audit.matter.elsewhere import split_own
from components.audit.matter.exhibits import ChronologyEntry, add_exhibit, make_chronology
from components.audit.matter.looks import look_at_matter, look_at_matters
from components.audit.matter.people import add_custodian
from components.audit.matter.values import MatterAct
from components.audit.sites.named import find_site

_MOST_AT_ONCE = 200


async def list_matters(visit: Visit) -> web.StreamResponse:
    """Show the matters that an auditor works on."""
    seen = await visit.look(lambda: look_at_matters(visit.console.site, visit.who))
    return visit.page("matters.html", seen=seen, must_sign=signs_elsewhere(visit))


async def open_new(visit: Visit) -> web.StreamResponse:
    """Open a matter."""
    author, title = find_author(visit), visit.said("title").strip()
    matter = await visit.look(lambda: open_matter(visit.console.site, author, title))
    return visit.go_to(f"/matters/{matter.id}")


async def show_matter(visit: Visit) -> web.StreamResponse:
    """Show a matter, with its chronology."""
    site, id_ = visit.console.site, visit.request.match_info["id"]
    detail = await visit.look(lambda: look_at_matter(site, visit.who, id_, visit.who.id))
    chronology = await visit.look(lambda: make_chronology(site, visit.who, id_, visit.who.id))
    if any(_hides_names(visit, entry) for entry in chronology.entries):
        raise Refused(403, "error.reason")
    faults = {each.name: each for each in (*detail.faults, *chronology.faults)}
    return visit.page(
        "matter.html",
        detail=detail,
        matter=detail.matter,
        chronology=chronology,
        faults=faults.values(),
        must_sign=signs_elsewhere(visit),
    )


def _hides_names(visit: Visit, entry: ChronologyEntry) -> bool:
    """Return whether a rule of the site that an exhibit is of wants a reason before its names."""
    own, record_id = visit.console.site, entry.exhibit.record_id if entry.exhibit else ""
    name = split_own(own, record_id)[0]
    # Without its record, nothing is shown of what it says.
    if entry.view is None:
        return False
    hidden = hidden_at(visit, name, find_site(own, name)) if name else visit.hidden
    return hidden is not None and hidden.covers(_rules_of(entry))


def _rules_of(entry: ChronologyEntry) -> tuple[str, ...]:
    content = entry.view.content if entry.view else None
    return content.rules if isinstance(content, Submission) else ()


async def add_exhibits(visit: Visit) -> web.StreamResponse:
    """Make all marked records exhibits of a matter."""
    author = find_author(visit)
    id_, note = visit.said("matter").strip(), visit.said("note").strip()
    records = visit.said_all("record")
    if not records or len(records) > _MOST_AT_ONCE:
        raise Refused(400, "error.marked", most=_MOST_AT_ONCE)
    for record in dict.fromkeys(records):
        title = split_own(visit.console.site, record)[1]
        take = partial(add_exhibit, visit.console.site, author, id_, record, title, note, visit.who.id)
        await visit.look(take)
    return visit.go_to(f"/matters/{id_}")


async def add_note(visit: Visit) -> web.StreamResponse:
    """Write a note on a matter."""
    author = find_author(visit)
    id_, text = visit.request.match_info["id"], visit.said("text").strip()
    await visit.look(lambda: act(visit.console.site, author, MatterAct.NOTE, id_, {"text": text}))
    return visit.go_to(f"/matters/{id_}")


async def add_person(visit: Visit) -> web.StreamResponse:
    """Add a custodian to a matter."""
    author = find_author(visit)
    id_, jid, reason = visit.request.match_info["id"], visit.said("jid").strip(), visit.said("reason").strip()
    await visit.look(lambda: add_custodian(visit.console.site, author, id_, jid, reason, visit.who.id))
    return visit.go_to(f"/matters/{id_}")
