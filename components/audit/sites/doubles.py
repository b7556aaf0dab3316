"""Which records of several sites are of one message: one of them stands for all; pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Spot(NamedTuple):
    """A record of several sites: the rank of its site, and its place in the index there."""

    rank: int
    place: int


def fold_doubles(copy_of: Mapping[Spot, Spot]) -> dict[Spot, Spot]:
    """Return for each record that is a copy of another one which record stands for it.

    `copy_of` has for a record the one that it says it is a copy of. What stands for others is itself no copy. Where
    records say so of one another in a circle, as only a site that lies can make them, the first of them stands for all:
    none is lost.
    """
    stands: dict[Spot, Spot] = {}
    for spot in copy_of:
        way = list[Spot]()
        while spot in copy_of and spot not in stands and spot not in way:
            way.append(spot)
            spot = copy_of[spot]  # noqa: PLW2901 - on to what it is a copy of
        first = min(way[way.index(spot) :]) if spot in way else stands.get(spot, spot)
        stands |= dict.fromkeys(way, first)
    return {spot: first for spot, first in stands.items() if spot != first}


def group_doubles(doubles: Mapping[Spot, Spot], wanted: Iterable[Spot]) -> dict[Spot, list[Spot]]:
    """Return the copies of each of some records, in order."""
    groups: dict[Spot, list[Spot]] = {spot: [] for spot in wanted}
    for copy in sorted(doubles):
        if doubles[copy] in groups:
            groups[doubles[copy]].append(copy)
    return groups
