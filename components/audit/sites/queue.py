"""A page of the queues of all sites: which items it shows, and how each text begins, which is a look of its own."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from components.audit.asked import open_places
from components.audit.auditor import Auditor
from components.audit.author import Author
from components.audit.indexed import find_indexed, open_indexed
from components.audit.review.desk import Desk, Wanted
from components.audit.review.flagged import places_of
from components.audit.review.items import QueueItem
from components.audit.review.names import HiddenNames, queue_of
from components.audit.review.rules import load_directory
from components.audit.sites.desks import Reviewing
from components.audit.sites.each import AtEach, AtSite, take_each
from components.audit.sites.named import UNREACHABLE, NamedSite, SiteFault, explain
from components.audit.view import view_record
from components.settings.site import SiteFile

LINE_CHARACTERS = 200
"""A page shows so much of the first line of a text."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a page begins: behind the item `after`, or so that it ends before the item `before`; else with the oldest.

    Both are ids, with the site's name before those of other sites.
    """

    after: str = ""
    before: str = ""


class Shown(NamedTuple):
    """An item on a page, its site, and how its text begins; empty if it says nothing, or was destroyed.

    Where a rule hides names, the line is without them, unless a reason was stated.
    """

    at: AtSite[Desk]
    item: QueueItem
    line: str = ""

    @property
    def id(self) -> str:
        """Its id, with the site's name before it if it is another one."""
        return f"{self.at.name}:{self.item.id}" if self.at.site.rank else self.item.id


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A page of the items that are wanted: `shown`, of `found` in all, behind the first `skipped`.

    `desks` are those of all sites, and `access_ids` the records of this look, each with its site's name.
    """

    shown: tuple[Shown, ...]
    skipped: int
    found: int
    desks: AtEach[Desk]
    access_ids: tuple[tuple[str, str], ...]

    @property
    def previous(self) -> str:
        """The id before which the previous page ends; empty if there is none."""
        return self.shown[0].id if self.shown and self.skipped else ""

    @property
    def next(self) -> str:
        """The id behind which the next page begins; empty if there is none."""
        return self.shown[-1].id if self.shown and self.skipped + len(self.shown) < self.found else ""


async def read_page(
    own: SiteFile,
    wanted: Wanted,
    reviewing: Reviewing,
    start: Start,
    limit: int,
    site: str = "",
    *,
    with_names: bool = False,
) -> QueuePage:
    """Return a page of what waits at all sites, or at `site`; each site has a record of this look, with what it showed.

    A site that goes away meanwhile is named, and nothing of it is on the page, nor counted. `with_names`: whoever looks
    has stated a reason. Raises as `take_each` does.
    """

    async def take(there: NamedSite, auditor: Auditor) -> Desk:
        return await reviewing.open_desk(there.settings, Author(auditor))

    desks = await take_each(own, take, reviewing.who)
    while True:
        found = {at.name: at.found.select(wanted) for at in desks.sites if site in ("", at.name)}
        order = put_in_order(desks.sites, found)
        first, last = find_bounds(desks.sites, order, start, limit)
        told = await _open_lines(desks, order[first:last], wanted, found, with_names=with_names)
        if len(told.desks.sites) == len(desks.sites):
            return replace(told, skipped=first, found=len(order))
        # A site went away meanwhile: this is a page of what the others have. Their next record says what it shows.
        desks = told.desks


async def _open_lines(
    desks: AtEach[Desk],
    shown: Sequence[Shown],
    wanted: Wanted,
    found: Mapping[str, Sequence[QueueItem]],
    *,
    with_names: bool,
) -> QueuePage:
    """Return the items of a page with how their texts begin, when each site has a record of that."""
    seen, faults = list[AtSite[Desk]](), list(desks.faults)
    told, access_ids = list[Shown](), list[tuple[str, str]]()
    for at in desks.sites:
        own = [each for each in shown if each.at is at]
        try:
            lines = await _read_lines(at, [each.item for each in own], with_names)
            access_ids.append((at.name, await _record(at.found, wanted, found.get(at.name, ()), list(lines))))
        except UNREACHABLE as error:
            if at.site.rank == 0:
                raise
            faults.append(SiteFault(at.name, explain(error)))
            continue
        seen.append(at)
        told += [each._replace(line=lines[each.item.id]) for each in own]
    told.sort(key=_time_of)
    return QueuePage(tuple(told), 0, len(told), AtEach(tuple(seen), tuple(faults)), tuple(access_ids))


def put_in_order(sites: Iterable[AtSite[Desk]], found: Mapping[str, Sequence[QueueItem]]) -> list[Shown]:
    """Return the items of sites, the oldest first; of one time, in the order of the sites."""
    return sorted((Shown(at, item) for at in sites for item in found.get(at.name, ())), key=_time_of)


def _time_of(each: Shown) -> int:
    return each.item.flagged.at_ns


def find_bounds(
    sites: Sequence[AtSite[Desk]], order: Sequence[Shown], start: Start, limit: int
) -> tuple[int, int]:
    """Return where a page begins and ends in an order."""
    if start.before:
        end, _ = _find(sites, order, start.before)
        # The first page is a whole one.
        return max(0, end - limit), max(end, limit)
    _, begin = _find(sites, order, start.after) if start.after else (0, 0)
    if begin >= len(order):
        # All behind it is done: the last page is what comes before.
        begin = max(0, len(order) - limit)
    return begin, begin + limit


def _find(sites: Sequence[AtSite[Desk]], order: Sequence[Shown], id_: str) -> tuple[int, int]:
    """Return where what is before an item ends, and where what is behind it begins.

    It may be in another state by now, so that it is not in the order any more: then what was said at the same time is
    on both sides, and nothing is left out.
    """
    name, _, item_id = id_.rpartition(":")
    item = next(
        (at.found.items.get(item_id) for at in sites if (at.name if at.site.rank else "") == name), None
    )
    if item is None:
        return 0, 0
    first = bisect_left(order, item.flagged.at_ns, key=_time_of)
    last = bisect_right(order, item.flagged.at_ns, key=_time_of)
    place = next((each for each in range(first, last) if order[each].item is item), None)
    return (last, first) if place is None else (place, place + 1)


async def _read_lines(at: AtSite[Desk], items: Sequence[QueueItem], with_names: bool) -> dict[str, str]:
    """Return how the texts of items of a site begin, by their ids; raises SiteError and LogError."""
    lines = {item.id: "" for item in items}
    if not items:
        return lines
    settings = at.site.settings
    names = {which: log.name for which, log in find_indexed(settings).items()}
    places = dict(zip(places_of(names, lines), items, strict=True))
    hidden = None if with_names or not any(item.hides_names for item in items) else _load_names(settings)
    async with open_indexed(settings) as logs:
        async for place, opened in open_places(logs, sorted(places)):
            item, text = places[place], view_record("", opened).reading.text
            if hidden is not None and item.hides_names:
                flagged = item.flagged
                text = hidden.hide(queue_of(flagged.rules), (flagged.sender, flagged.to), text)
            lines[item.id] = begin_of(text)
    return lines


def _load_names(settings: SiteFile) -> HiddenNames:
    return HiddenNames(settings, load_directory(settings))


def begin_of(text: str) -> str:
    """Return how a text begins: its first line that is not empty, cut if it is long."""
    line = next((line.strip() for line in text.split("\n") if line.strip()), "")
    return line if len(line) <= LINE_CHARACTERS else f"{line[:LINE_CHARACTERS]} …"


async def _record(desk: Desk, wanted: Wanted, found: Sequence[QueueItem], shown: Sequence[str]) -> str:
    """Record a look at a page: what was asked for, all that this is, and of which items a first line was shown."""
    lines = f"first lines of {' '.join(shown)}" if shown else ""
    query = " ".join(filter(None, (str(wanted), lines)))
    return await desk.look("review-queue", query, [item.id for item in found])
