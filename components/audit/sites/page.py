"""What of a conversation at several sites is on one page: a message is where the site that is read has its record."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from components.audit.conversation.item import Item
from components.audit.conversation.read import ConversationView
from components.audit.index.crossed import Crossing, find_arrived, read_crossings_at
from components.audit.index.database import Connection
from components.audit.index.pages import find_place
from components.audit.indexed import open_site_index
from components.audit.sites.doubles import Spot, fold_doubles
from components.audit.sites.named import NamedSite

ALWAYS = (-(2**63), 2**63 - 1)
_ON_THE_WAY_NS = 60 * 10**9
"""So long before and after a page, other sites are looked at for records of its messages."""

Views = Mapping[NamedSite, ConversationView]


class Window(NamedTuple):
    """The time of a page (Unix, in nanoseconds), the end not included."""

    from_ns: int
    until_ns: int

    def has(self, at_ns: int) -> bool:
        """Return whether a time is of this page."""
        return self.from_ns <= at_ns < self.until_ns

    def until(self, at_ns: int | None) -> "Window":
        """Return the time up to a moment, if there is one; what is later is not read."""
        return self if at_ns is None else Window(self.from_ns, min(self.until_ns, at_ns + 1))

    def widened(self) -> "Window":
        """Return the time in which records of the page's messages may be at other sites."""
        from_ns, until_ns = self.from_ns - _ON_THE_WAY_NS, self.until_ns + _ON_THE_WAY_NS
        return Window(max(ALWAYS[0], from_ns), min(ALWAYS[1], until_ns))


def find_time(db: Connection, record_id: str, otherwise: int) -> int:
    """Return when a record was received, if the index has it."""
    place = find_place(db, record_id)
    row = db.execute("SELECT received_at_ns FROM entry WHERE idx = ?", (place,)).fetchone()
    return otherwise if row is None else int(row[0])


def find_copies(views: Views) -> dict[Spot, Spot]:
    """Find which items are copies of which items of the site that they came from."""
    copy_of = dict[Spot, Spot]()
    shown = {site: _by_record(view) for site, view in views.items()}
    for site in views:
        for crossing in _crossings_of(site, views[site]):
            for there in views:
                if there is not site and _is_from(crossing, there) and crossing.record in shown[there]:
                    item = shown[there][crossing.record]
                    copy_of.setdefault(Spot(site.rank, crossing.idx), Spot(there.rank, item.place))
    return copy_of


def find_elsewhere(first: NamedSite, views: Views, window: Window, copy_of: Mapping[Spot, Spot]) -> set[Spot]:
    """Find which items are not on the page of the `first` site.

    A message is where the first one has its record, the earliest if it has several (as of what comes back from a room);
    of what that has no record of, the time decides.
    """
    together = _find_together(first, copy_of)
    stands = fold_doubles(copy_of)
    earlier, there = set[Spot](), set[Spot]()
    records, times = dict[Spot, Spot](), dict[Spot, int]()
    for site, view in views.items():
        if site is first:
            continue
        sent = {Spot(site.rank, place) for place in _find_sent(first, site, view, window)}
        earlier |= {stands.get(spot, spot) for spot in sent & together}
        arrived = _find_arrived(first, site, view, window)
        for item in view.items:
            spot = Spot(site.rank, item.place)
            stand = records[spot] = stands.get(spot, spot)
            # All records of a message are where the one is that stands for it.
            if spot == stand or stand not in times:
                times[stand] = item.at_ns
            if spot in sent or item.place in arrived:
                there.add(stand)
    elsewhere = there | {stand for stand, at_ns in times.items() if not window.has(at_ns)}
    return {spot for spot, stand in records.items() if stand in elsewhere and spot not in together} | {
        spot for spot in together if stands.get(spot, spot) in earlier
    }


def _find_together(first: NamedSite, copy_of: Mapping[Spot, Spot]) -> set[Spot]:
    """Return all items of messages of which the first site shows one."""
    together = {spot for pair in copy_of.items() for spot in pair if spot.rank == first.rank}
    while (
        more := {spot for pair in copy_of.items() if not together.isdisjoint(pair) for spot in pair}
        - together
    ):
        together |= more
    return together


def _find_sent(first: NamedSite, site: NamedSite, view: ConversationView, window: Window) -> set[int]:
    """Return the places of a site's items that came from the first one, where they stand on other pages."""
    crossings = [each for each in _crossings_of(site, view) if _is_from(each, first)]
    with open_site_index(first.settings) as index, index.look() as db:
        return {each.idx for each in crossings if not window.has(find_time(db, each.record, window.from_ns))}


def _find_arrived(first: NamedSite, site: NamedSite, view: ConversationView, window: Window) -> set[int]:
    """Return the places of a site's items that arrived at the first one, and stand on other pages there."""
    found = set[int]()
    with open_site_index(first.settings) as index, index.look() as db:
        for item in view.items:
            times = list(_find_arrivals(db, site, item))
            if times and not any(map(window.has, times)):
                found.add(item.place)
    return found


def _find_arrivals(db: Connection, site: NamedSite, item: Item) -> Iterator[int]:
    """Yield when an item's records arrived at the site of this index."""
    for record in item.records:
        for each in find_arrived(db, site.gate, record):
            if each.domain in site.domains:
                (at_ns,) = db.execute(
                    "SELECT received_at_ns FROM entry WHERE idx = ?", (each.idx,)
                ).fetchone() or (0,)
                yield int(str(at_ns))


def _crossings_of(site: NamedSite, view: ConversationView) -> list[Crossing]:
    with open_site_index(site.settings) as index, index.look() as db:
        return read_crossings_at(db, [item.place for item in view.items])


def _is_from(crossing: Crossing, site: NamedSite) -> bool:
    return crossing.gate == site.gate and crossing.domain in site.domains


def _by_record(view: ConversationView) -> dict[str, Item]:
    return {record: item for item in view.items for record in item.records}
