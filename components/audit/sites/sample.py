"""A random sample of what one query finds at all sites, each message once (docs/sites.md)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from components.audit.index.pages import read_places
from components.audit.kept_acts import record_act
from components.audit.query.tree import Node, format_query
from components.audit.sample import (
    RECORDS,
    SAMPLED,
    SampleWanted,
    divide,
    draw,
    read_drawn,
    read_stratum,
    require_count,
    require_whole,
    tell_confidence,
)
from components.audit.sites.complete import OfAllSites
from components.audit.sites.doubles import Spot, group_doubles
from components.audit.sites.named import SiteFault
from components.audit.sites.reached import Reach, ReachedSite, reach_sites
from components.audit.view import RecordView
from components.process.progress import Progress
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class SampledRecord:
    """A record that was drawn, its id with the site's name, and the ids of others of the same message that match."""

    id: str
    view: RecordView
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SampledSite:
    """A site that was sampled; `record` is that of the sample there, `access_id` that of the look."""

    name: str
    matched: int
    record: str
    access_id: str
    behind: str


@dataclass(frozen=True, slots=True)
class SitesSample(OfAllSites):
    """A sample of `eligible` messages and other records of all sites; see Sample (components/audit/sample.py)."""

    query: Node
    seed: str
    records: tuple[SampledRecord, ...]
    matched: int
    doubles: int
    eligible: int
    strata: int
    at_most_if_none: float
    margin: float
    sites: tuple[SampledSite, ...]
    faults: tuple[SiteFault, ...]


async def sample_sites(settings: SiteFile, wanted: SampleWanted, progress: Progress) -> SitesSample:
    """Draw a sample of what is found at all sites, and record at each what was drawn, before it is shown.

    It is drawn by the ids with the sites' names, as this site calls them. Raises as `draw_sample` does.
    """
    require_count(wanted)
    async with reach_sites(settings, wanted.query, "sample", progress) as reach:
        for each in reach.reached.values():
            require_whole(each.lookup.asked)
        groups = _find_messages(reach)
        before = set() if wanted.again else await _find_drawn(reach)
        eligible = {first: _name(reach, first) for first, group in groups.items() if before.isdisjoint(group)}
        strata = divide(_read_strata(reach, eligible, wanted))
        drawn = sorted(draw(strata, eligible, wanted))
        told: dict[str, str | int] = {
            "query": wanted.query,
            "seed": wanted.seed,
            "count": len(drawn),
            "eligible": len(eligible),
            "strata": len(strata),
            "sites": " ".join(each.site.name for each in reach.reached.values()),
        }
        views = await _view(reach, drawn)
        sites = tuple(
            [
                await _record(each, told, [spot for first in drawn for spot in groups[first]])
                for each in reach.reached.values()
            ]
        )
        at_most, margin = tell_confidence(len(drawn), len(eligible))
        return SitesSample(
            reach.reached[0].lookup.asked.query,
            wanted.seed,
            tuple(
                SampledRecord(
                    _name(reach, spot), views[spot], tuple(_name(reach, each) for each in groups[spot][1:])
                )
                for spot in sorted(drawn, key=lambda spot: (views[spot].at_ns, spot))
                if not views[spot].destroyed
            ),
            reach.matched,
            len(reach.doubles),
            len(eligible),
            len(strata),
            at_most,
            margin,
            sites,
            reach.faults,
        )


def _name(reach: Reach, spot: Spot) -> str:
    return reach.reached[spot.rank].name(spot.place)


def _find_messages(reach: Reach) -> dict[Spot, list[Spot]]:
    """Return the records of each message that match, by the one that stands for all, which is the first."""
    found = list[Spot]()
    for rank, site in reach.reached.items():
        asked = site.lookup.asked
        with site.lookup.index.look() as db:
            found += (Spot(rank, place) for place in read_places(db, asked.where, asked.logs))
    firsts = [spot for spot in found if spot not in reach.doubles]
    copies = group_doubles(reach.doubles, firsts)
    return {first: [first, *copies[first]] for first in firsts}


async def _find_drawn(reach: Reach) -> set[Spot]:
    """Return what earlier samples drew, at each site as its own log of looks has it."""
    drawn = set[Spot]()
    for rank, site in reach.reached.items():
        ids = await read_drawn(site.lookup)
        asked, names = site.lookup.asked, site.site.name
        with site.lookup.index.look() as db:
            places = read_places(db, asked.where, asked.logs)
        drawn |= {Spot(rank, place) for place in places if site.name(place).removeprefix(f"{names}:") in ids}
    return drawn


def _read_strata(
    reach: Reach, eligible: Iterable[Spot], wanted: SampleWanted
) -> dict[Spot, tuple[object, ...]]:
    strata = dict[Spot, tuple[object, ...]]()
    spots = sorted(eligible)
    for rank, site in reach.reached.items():
        with site.lookup.index.look() as db:
            strata |= {spot: read_stratum(db, spot.place, wanted.by) for spot in spots if spot.rank == rank}
    return strata


async def _view(reach: Reach, spots: Iterable[Spot]) -> Mapping[Spot, RecordView]:
    views = dict[Spot, RecordView]()
    wanted = list(spots)
    for rank, site in reach.reached.items():
        own = [spot for spot in wanted if spot.rank == rank]
        views |= zip(own, await site.lookup.view(spot.place for spot in own), strict=True)
    return views


async def _record(site: ReachedSite, told: Mapping[str, str | int], drawn: Iterable[Spot]) -> SampledSite:
    """Record at a site what was drawn of its records: those that stand for a message, and its other ones there."""
    prefix = f"{site.site.name}:"
    ids = [site.name(spot.place).removeprefix(prefix) for spot in drawn if spot.rank == site.site.rank]
    own = {**told, "query": format_query(site.lookup.asked.query), RECORDS: "\n".join(ids)}
    record = await record_act(site.lookup, SAMPLED, own)
    return SampledSite(site.site.name, site.matched, record, site.access_id, site.behind)
