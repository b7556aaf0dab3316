"""Counts of what one query finds at all sites, each message once."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from components.audit.index.crossed import only
from components.audit.index.facets import Counted, Dimension
from components.audit.query.tree import Node
from components.audit.sites.complete import OfAllSites
from components.audit.sites.named import SiteFault
from components.audit.sites.reached import Reach, ReachedSite, reach_sites
from components.process.progress import Progress
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class CountedSite:
    """A site that was asked; `access_id` is the record of this look there, `behind` as of a search."""

    name: str
    matched: int
    access_id: str
    behind: str
    examined: int
    is_cut: bool


@dataclass(frozen=True, slots=True)
class SitesTally(OfAllSites):
    """How many messages and other records a query finds at all sites, by dimensions; `doubles` are left out.

    A message counts with the values of the record that stands for it: the first that it has.
    """

    query: Node
    dimensions: tuple[Dimension, ...]
    counted: tuple[Counted, ...]
    matched: int
    doubles: int
    sites: tuple[CountedSite, ...]
    faults: tuple[SiteFault, ...]


async def count_sites(
    settings: SiteFile, query: str, dimensions: Sequence[Dimension], progress: Progress
) -> SitesTally:
    """Count what a query finds at all sites, for each combination of values; raises as `search_sites` does."""
    async with reach_sites(settings, query, "count", progress) as reach:
        (counted,) = count_each(reach, [dimensions])
        return SitesTally(
            reach.reached[0].lookup.asked.query,
            tuple(dimensions),
            tuple(counted),
            reach.matched,
            len(reach.doubles),
            tuple(map(describe_counted, reach.reached.values())),
            reach.faults,
        )


def describe_counted(site: ReachedSite) -> CountedSite:
    """Return what is told of a site that was asked."""
    asked = site.lookup.asked
    return CountedSite(
        site.site.name, site.matched, site.access_id, site.behind, asked.examined, asked.is_cut
    )


def count_each(reach: Reach, groups: Sequence[Sequence[Dimension]]) -> list[list[Counted]]:
    """Count what was found at all sites by several groups of dimensions, each message once."""
    counted = [Counter[tuple[str, ...]]() for _ in groups]
    for site in reach.reached.values():
        for counter, of_site in zip(counted, _count(reach, site, groups), strict=True):
            counter.update(of_site)
    return [
        [Counted(values, number) for values, number in sorted(each.items()) if number or not values]
        for each in counted
    ]


def _count(
    reach: Reach, site: ReachedSite, groups: Sequence[Sequence[Dimension]]
) -> Iterator[Counter[tuple[str, ...]]]:
    """Count a site's records without those for which others stand."""
    index, asked = site.lookup.index, site.lookup.asked
    found = index.count_each(groups, asked.where, logs=asked.logs)
    doubles = reach.doubles_at(site.site.rank)
    left_out = (
        index.count_each(groups, site.narrow(only(doubles)), logs=asked.logs)
        if doubles
        else [[]] * len(found)
    )
    for all_, others in zip(found, left_out, strict=True):
        counted = Counter({each.values: each.entries for each in all_})
        counted.subtract({each.values: each.entries for each in others})
        yield counted
