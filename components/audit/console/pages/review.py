"""The review: what waits in which queue at all sites, and what reviewers do with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from components.audit.console.reviewing import author_here, reviewing_of, signing_at, signs_elsewhere
from components.audit.console.visit import Refused, Visit
from components.audit.review.desk import Desk, Wanted
from components.audit.review.items import QueueItem
from components.audit.sites.desks import act_at_each, add_up_queues
from components.audit.sites.queue import QueuePage, Start, read_page
from policy.supervision.act import TO_CLOSE_WITH, ActKind
from policy.supervision.item import ItemState

ITEMS = 50
"""A page has so many items."""

_ACTS = (ActKind.CLAIM, ActKind.UNCLAIM, ActKind.NOTE, ActKind.ESCALATE, ActKind.CLOSE, ActKind.REOPEN)
# What an address says of which items a page has.
_FILTERS = ("queue", "state", "site")
_PLACES = ("after", "before")


@dataclass(frozen=True, slots=True)
class ShownItem:
    """An item as the page shows it: its id there, its site, how its text begins, and whether it is overdue.

    `is_elsewhere`: acts on it are signed elsewhere.
    """

    id: str
    site: str
    item: QueueItem
    line: str
    is_overdue: bool
    is_elsewhere: bool


async def show_queue(visit: Visit) -> web.StreamResponse:
    """Show a page of the items of a queue, and how many each queue has."""
    state, site = visit.argument("state", ItemState.OPEN.value), visit.argument("site")
    _check(visit, state, site)
    wanted = Wanted(visit.argument("queue"), ItemState(state) if state else None)
    start = Start(*(visit.argument(name) for name in _PLACES))
    console, reviewing, with_names = visit.console, reviewing_of(visit), bool(visit.own_session.reason)
    # One at a time: what the readers of the acts know is shared.
    async with console.reviewing:
        found = await visit.look(
            lambda: read_page(console.site, wanted, reviewing, start, ITEMS, site, with_names=with_names)
        )
    own = {"queue": wanted.queue, "state": state, "site": site}
    return visit.page(
        "review.html",
        items=list(_view(visit, found)),
        page=found,
        of_sites=found.desks,
        open_at={at.name: _count_open(at.found) for at in found.desks.sites},
        queues=add_up_queues(found.desks, site),
        wanted=wanted,
        site=site,
        state=state,
        own={**own, "after": start.after, "before": start.before},
        previous_page=_address({**own, "before": found.previous}) if found.previous else "",
        next_page=_address({**own, "after": found.next}) if found.next else "",
        states=[each.value for each in ItemState],
        dispositions=[each.value for each in TO_CLOSE_WITH],
        acts=[each.value for each in _ACTS],
        access_id=visit.name_records(found.access_ids),
        must_sign=all(signs_elsewhere(visit, at.site.settings) for at in found.desks.sites),
        signs=signing_at(visit, console.site) is not None,
    )


def _check(visit: Visit, state: str, site: str) -> None:
    """Raise Refused unless there are such a state and such a site; it says which there are."""
    if state not in ("", *ItemState):
        raise Refused(400, "error.state", states=", ".join(_name_states(visit)))
    if site not in ("", *visit.site_names):
        raise Refused(400, "error.site", sites=", ".join(visit.site_names))


def _name_states(visit: Visit) -> Iterator[str]:
    """Yield each state as an address has it, with the reader's own word where that is another."""
    for each in ItemState:
        word = visit.texts.word("state", each)
        yield each.value if word == each else f"{each.value} ({word})"


def _view(visit: Visit, found: QueuePage) -> Iterator[ShownItem]:
    elsewhere = {at.name: signs_elsewhere(visit, at.site.settings) for at in found.desks.sites}
    for each in found.shown:
        is_overdue = each.item.is_overdue(each.at.found.now_ns)
        yield ShownItem(each.id, each.at.name, each.item, each.line, is_overdue, elsewhere[each.at.name])


def _count_open(desk: Desk) -> int:
    return sum(item.status.state is ItemState.OPEN for item in desk.items.values())


def _address(said: dict[str, str]) -> str:
    # An empty state is any state; without one, it is the open ones.
    return f"/review?{urlencode({name: value for name, value in said.items() if value or name == 'state'})}"


async def act(visit: Visit) -> web.StreamResponse:
    """Do something with the marked items, each at its own site: nothing is done before all of it would count."""
    kind, note, items = visit.said("act"), visit.said("note").strip(), visit.said_all("record")
    if kind not in _ACTS or not items:
        raise Refused(400, "error.act")
    fields = {"note": note} if note else {}
    if kind == ActKind.CLOSE:
        fields["disposition"] = visit.said("disposition")
    site, reviewing, author = visit.console.site, reviewing_of(visit), author_here(visit)
    async with visit.console.reviewing:
        await visit.look(lambda: act_at_each(site, ActKind(kind), items, author, reviewing, **fields))
    own = {name: visit.said(name, ItemState.OPEN.value if name == "state" else "") for name in _FILTERS}
    return visit.go_to(_address({**own, **{name: visit.said(name) for name in _PLACES}}))
