"""Many items at once, by a query: bounded, and told how many before anything is done."""

from dataclasses import dataclass

from components.audit.review.desk import Desk
from components.audit.search import find_ids
from components.process.errors import SiteError
from components.process.progress import Progress
from policy.supervision.item import ItemState
from policy.supervision.reviewer import Role

MOST_ITEMS = 10_000
"""So many items are closed by one command at most."""


@dataclass(frozen=True, slots=True)
class OpenItems:
    """Open items that a query finds; `access_id` is the record of this look."""

    items: tuple[str, ...]
    access_id: str


async def find_open(desk: Desk, query: str, progress: Progress) -> OpenItems:
    """Find the open items of a desk that a query matches; raises QueryError, SiteError and LogError."""
    desk.author.auditor.require(Role.LEAD)
    found = await find_ids(desk.settings, query, progress, desk.author.auditor)
    items = tuple(
        id_ for id_ in found if id_ in desk.items and desk.items[id_].status.state is ItemState.OPEN
    )
    access_id = await desk.look("review-close-many", query, items)
    if len(items) > MOST_ITEMS:
        raise SiteError(f"{len(items):,} open items match: at most {MOST_ITEMS:,} are closed at once")
    return OpenItems(items, access_id)
