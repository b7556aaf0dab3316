"""The review: what waits in which queue at all sites, and what reviewers do with it."""

from collections.abc import Iterator
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
from components.audit.review.desk import QueueItem, Wanted
from components.audit.sites.desks import DeskItems, act_at_each, add_up_queues, list_at_each, merge_items
from components.audit.sites.each import AtEach
from policy.supervision.act import TO_CLOSE_WITH, ActKind
from policy.supervision.item import ItemState

_MOST_SHOWN = 200
_ACTS = (ActKind.CLAIM, ActKind.UNCLAIM, ActKind.NOTE, ActKind.ESCALATE, ActKind.CLOSE, ActKind.REOPEN)


@dataclass(frozen=True, slots=True)
class ShownItem:
    """An item as the page shows it: its id there, its site, and whether it is overdue; `is_elsewhere`: signed there."""

    id: str
    site: str
    item: QueueItem
    is_overdue: bool
    is_elsewhere: bool


async def show_queue(visit: Visit) -> web.StreamResponse:
    """Show the items of a queue, and how many each queue has."""
    state, site = visit.argument("state", ItemState.OPEN.value), visit.argument("site")
    if state not in ("", *ItemState) or site not in ("", *visit.site_names):
        raise Refused(400, "error.act")
    wanted = Wanted(visit.argument("queue"), ItemState(state) if state else None)
    console = visit.console
    # One at a time: what the readers of the acts know is shared.
    async with console.reviewing:
        found = await visit.look(lambda: list_at_each(console.site, wanted, reviewing_of(visit)))
    items = [each for each in _view(visit, found) if site in ("", each.site)]
    return visit.page(
        "review.html",
        items=items[:_MOST_SHOWN],
        found=len(items),
        of_sites=found,
        open_at={at.name: _count_open(at.found) for at in found.sites},
        queues=add_up_queues(found, site),
        wanted=wanted,
        site=site,
        state=state,
        states=[each.value for each in ItemState],
        dispositions=[each.value for each in TO_CLOSE_WITH],
        acts=[each.value for each in _ACTS],
        access_id=visit.name_records((at.name, at.found.access_id) for at in found.sites),
        must_sign=all(signs_elsewhere(visit, at.site.settings) for at in found.sites),
        signs=signing_at(visit, console.site) is not None,
    )


def _view(visit: Visit, found: AtEach[DeskItems]) -> Iterator[ShownItem]:
    """Yield what waits at all sites, the oldest first."""
    prefixes = {at.name: prefix_of(at) for at in found.sites}
    elsewhere = {at.name: signs_elsewhere(visit, at.site.settings) for at in found.sites}
    for each in merge_items(found):
        item, site = each.item, each.site
        is_overdue = item.is_overdue(each.found.desk.now_ns)
        yield ShownItem(prefixes[site](item.id), site, item, is_overdue, elsewhere[site])


def _count_open(found: DeskItems) -> int:
    return sum(item.status.state is ItemState.OPEN for item in found.desk.items.values())


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
    return visit.go_to("/review")
