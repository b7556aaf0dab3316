"""The review: what waits in which queue, and what reviewers do with it."""

from dataclasses import dataclass

from aiohttp import web

from components.audit.auditor import Auditor
from components.audit.author import Author
from components.audit.console.visit import Refused, Visit
from components.audit.review.acts import ReviewReader
from components.audit.review.desk import Desk, QueueItem, Wanted, count_queues, open_desk
from components.process.progress import ignore_progress
from components.rules.reviewers import load_reviewers
from components.settings.site import SiteFile
from policy.supervision.act import TO_CLOSE_WITH, ActKind
from policy.supervision.item import ItemState

_MOST_SHOWN = 200
_ACTS = (ActKind.CLAIM, ActKind.UNCLAIM, ActKind.NOTE, ActKind.ESCALATE, ActKind.CLOSE, ActKind.REOPEN)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a review: how many items, how many of them too long, and when the oldest was said (Unix time)."""

    number: int
    overdue: int
    oldest_ns: int


async def show_queue(visit: Visit) -> web.StreamResponse:
    """Show the items of a queue, and how many each queue has."""
    state = visit.argument("state", ItemState.OPEN.value)
    if state not in ("", *ItemState):
        raise Refused(400, "error.act")
    wanted = Wanted(visit.argument("queue"), ItemState(state) if state else None)
    console = visit.console
    # One at a time: what the reader of the acts knows is shared.
    async with console.reviewing:
        desk, items, access_id = await visit.look(
            lambda: _look(console.site, visit.who, wanted, console.reviews)
        )
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
        must_sign=signs_elsewhere(visit),
        signs=console.signing is not None and console.signing.auditor == visit.who.id,
    )


async def act(visit: Visit) -> web.StreamResponse:
    """Do something with the marked items: all of it or nothing."""
    kind, note, items = visit.said("act"), visit.said("note").strip(), visit.said_all("record")
    if kind not in _ACTS or not items:
        raise Refused(400, "error.act")
    author = find_author(visit)
    fields = {"note": note} if note else {}
    if kind == ActKind.CLOSE:
        fields["disposition"] = visit.said("disposition")
    console = visit.console
    async with console.reviewing:
        await visit.look(lambda: _act(console.site, author, ActKind(kind), items, fields, console.reviews))
    return visit.go_to("/review")


async def count_waiting(visit: Visit) -> Waiting:
    """Count what waits for the auditor's review; the caller records the look."""
    console, author = visit.console, Author(visit.who)
    async with console.reviewing:
        desk = await visit.look(
            lambda: open_desk(console.site, author, ignore_progress, reader=console.reviews)
        )
    items = [each for each in desk.items.values() if each.status.state is not ItemState.CLOSED]
    overdue = sum(each.is_overdue(desk.now_ns) for each in items)
    return Waiting(len(items), overdue, min((each.flagged.at_ns for each in items), default=0))


def signs_elsewhere(visit: Visit) -> bool:
    """Return whether acts are signed, and those of who asks not here (docs/decisions/0233)."""
    signing = visit.console.signing
    signs_here = signing is not None and signing.auditor == visit.who.id
    return load_reviewers(visit.console.site).must_sign and not signs_here


def find_author(visit: Visit) -> Author:
    """Return who asks as an author of acts, with their key if it is here; raises Refused if it would have to be."""
    if signs_elsewhere(visit):
        raise Refused(403, "error.sign")
    signing = visit.console.signing
    return Author(visit.who, signing.open() if signing and signing.auditor == visit.who.id else None)


async def _look(
    site: SiteFile, auditor: Auditor, wanted: Wanted, reader: ReviewReader
) -> tuple[Desk, list[QueueItem], str]:
    desk = await open_desk(site, Author(auditor), ignore_progress, reader=reader)
    return (desk, *await desk.list_items(wanted))


async def _act(
    site: SiteFile,
    author: Author,
    kind: ActKind,
    items: list[str],
    fields: dict[str, str],
    reader: ReviewReader,
) -> None:
    desk = await open_desk(site, author, ignore_progress, reader=reader)
    await desk.act(kind, items, **fields)
