"""The review: what waits in which queue, and what reviewers do with it."""

from aiohttp import web

from components.audit.auditor import Auditor
from components.audit.console.visit import Refused, Visit
from components.audit.review.author import Author, open_author
from components.audit.review.desk import Desk, QueueItem, Wanted, count_queues, open_desk
from components.process.progress import ignore_progress
from components.settings.site import SiteFile
from policy.supervision.act import TO_CLOSE_WITH, ActKind
from policy.supervision.item import ItemState

_MOST_SHOWN = 200
_ACTS = (ActKind.CLAIM, ActKind.UNCLAIM, ActKind.NOTE, ActKind.ESCALATE, ActKind.CLOSE, ActKind.REOPEN)


async def show_queue(visit: Visit) -> web.StreamResponse:
    """Show the items of a queue, and how many each queue has."""
    state = visit.argument("state", ItemState.OPEN.value)
    if state not in ("", *ItemState):
        raise Refused(400, "error.act")
    wanted = Wanted(visit.argument("queue"), ItemState(state) if state else None)
    desk, items, access_id = await visit.look(lambda: _look(visit.console.site, visit.who, wanted))
    return visit.page(
        "review.html",
        items=items[:_MOST_SHOWN],
        found=len(items),
        queues=count_queues(desk.items.values(), desk.now_ns),
        now_ns=desk.now_ns,
        wanted=wanted,
        state=state,
        states=[each.value for each in ItemState],
        dispositions=[each.value for each in TO_CLOSE_WITH],
        acts=[each.value for each in _ACTS],
        access_id=access_id,
    )


async def act(visit: Visit) -> web.StreamResponse:
    """Do something with the marked items: all of it or nothing."""
    kind, note, items = visit.said("act"), visit.said("note").strip(), visit.said_all("record")
    if kind not in _ACTS or not items:
        raise Refused(400, "error.act")
    fields = {"note": note} if note else {}
    if kind == ActKind.CLOSE:
        fields["disposition"] = visit.said("disposition")
    await visit.look(lambda: _act(visit.console.site, visit.who, ActKind(kind), items, fields))
    return visit.go_to("/review")


async def _look(site: SiteFile, auditor: Auditor, wanted: Wanted) -> tuple[Desk, list[QueueItem], str]:
    desk = await open_desk(site, Author(auditor), ignore_progress)
    return (desk, *await desk.list_items(wanted))


async def _act(
    site: SiteFile, auditor: Auditor, kind: ActKind, items: list[str], fields: dict[str, str]
) -> None:
    # Where acts are signed, the key lies with the reviewer, and not here: then this says what to do instead.
    desk = await open_desk(site, open_author(site, auditor, None), ignore_progress)
    await desk.act(kind, items, **fields)
