"""Finds the other records of a message, at its own site and at others."""

from collections.abc import Iterator, Sequence

from components.audit.index.crossed import Crossing, find_arrived, keep_matching, read_crossings_at
from components.audit.index.database import Connection
from components.audit.index.pages import find_place, name_place
from components.audit.sites.doubles import Spot
from components.audit.sites.reached import Reach, ReachedSite


def find_others(reach: Reach, spot: Spot, doubles: Sequence[Spot]) -> list[Spot]:
    """Return the other records of a message: those that match, and those next to it that do not, as far as one may see.

    Such as do not match are its copies at other sites, and what it says that it is a copy of.
    """
    here = reach.reached[spot.rank]
    with here.lookup.index.look() as db:
        named = read_crossings_at(db, [spot.place])
    found = dict.fromkeys(doubles)
    for rank, there in reach.reached.items():
        with there.lookup.index.look() as db:
            near = {*_find_arrived(db, here, spot.place), *_find_named(db, there, named)}
            seen = keep_matching(db, near, there.lookup.asked.scope)
        found |= dict.fromkeys(Spot(rank, place) for place in sorted(seen))
    return [each for each in found if each != spot]


def _find_arrived(db: Connection, sender: ReachedSite, place: int) -> Iterator[int]:
    """Yield the places of what arrived at the site of this index with the receipt of a record of another."""
    record_id = name_place(place, sender.lookup.names)
    arrived = find_arrived(db, sender.site.gate, record_id)
    yield from (each.idx for each in arrived if each.domain in sender.site.domains)


def _find_named(db: Connection, there: ReachedSite, named: Sequence[Crossing]) -> Iterator[int]:
    """Yield the places of the records of the site of this index that a message names by its receipts."""
    for each in named:
        if each.gate == there.site.gate and each.domain in there.site.domains:
            place = find_place(db, each.record)
            if place is not None:
                yield place
