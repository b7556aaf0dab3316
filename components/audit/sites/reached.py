"""One query at several sites: each site's index is asked, and each site has a record of the look before all else."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from components.audit.auditor import Auditor
from components.audit.index.crossed import find_crossings, keep_matching
from components.audit.index.logs import IndexedLog, find_record
from components.audit.index.pages import count_and_digest, find_place, name_place
from components.audit.lookup import Lookup, look_up
from components.audit.query.compile import Where, all_of
from components.audit.query.tree import Node
from components.audit.sites.doubles import Spot, fold_doubles
from components.audit.sites.named import (
    UNREACHABLE,
    NamedSite,
    SiteFault,
    admit,
    explain,
    find_behind,
    open_sites,
)
from components.process.progress import Progress
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class ReachedSite:
    """A site that was asked by an auditor: `matched` records match, and this look is its record `access_id`.

    `digest` is that of their ids (docs/matters.md). Where its logs are a copy that is not whole, `behind` says why.
    """

    site: NamedSite
    auditor: Auditor
    lookup: Lookup
    matched: int
    access_id: str
    behind: str
    digest: str

    def name(self, place: int) -> str:
        """Return the id of a record, with the site's name before it."""
        return f"{self.site.name}:{name_place(place, self.lookup.names)}"

    def narrow(self, where: Where) -> Where:
        """Return the condition that a record matches, and this, too."""
        asked = self.lookup.asked.where
        return all_of((*(asked.parts or (asked,)), where))


@dataclass(frozen=True, slots=True)
class Reach:
    """All sites that were asked, by their ranks, those that were not, and why.

    `doubles` are records that match and are of a message of which another record stands for all.
    """

    reached: Mapping[int, ReachedSite]
    faults: tuple[SiteFault, ...]
    doubles: Mapping[Spot, Spot]

    @property
    def matched(self) -> int:
        """How many messages and other records match, each once."""
        return sum(each.matched for each in self.reached.values()) - len(self.doubles)

    def doubles_at(self, rank: int) -> list[int]:
        """Return the places of a site's records for which others stand."""
        return [spot.place for spot in self.doubles if spot.rank == rank]


@asynccontextmanager
async def reach_sites(
    settings: SiteFile, query: str | Node, act: str, progress: Progress, who: str | None = None
) -> AsyncIterator[Reach]:
    """Ask each site what a query matches, and record the look there; a site that cannot be asked is a fault.

    `who` is the id of an auditor who is logged in; else it is this process's user. Raises QueryError, and for the own
    site what `look_up` and `record_access` raise.
    """
    sites, faults = open_sites(settings)
    reached: dict[int, ReachedSite] = {}
    async with AsyncExitStack() as stack:
        for site in sites:
            try:
                auditor = await admit(site.settings, who, is_own=site.rank == 0)
                lookup = await stack.enter_async_context(look_up(site.settings, query, progress, auditor))
                reached[site.rank] = await _ask(site, auditor, lookup, act)
            except UNREACHABLE as error:
                if site.rank == 0:
                    raise
                faults.append(SiteFault(site.name, explain(error)))
        yield Reach(reached, tuple(faults), _find_doubles(reached))


async def _ask(site: NamedSite, auditor: Auditor, lookup: Lookup, act: str) -> ReachedSite:
    with lookup.index.look() as db:
        matched, digest = count_and_digest(db, lookup.asked.where, lookup.asked.logs)
    access_id = await lookup.record(act, matched, digest)
    return ReachedSite(site, auditor, lookup, matched, access_id, find_behind(site.settings), digest)


def _find_doubles(reached: Mapping[int, ReachedSite]) -> dict[Spot, Spot]:
    """Find which records that match are copies of others that match, at whichever site."""
    copies = list[tuple[Spot, Spot]]()
    for rank, here in reached.items():
        with here.lookup.index.look() as db:
            crossings = find_crossings(db, here.lookup.asked.where)
        for there in reached.values():
            named = [
                (each.idx, each.record)
                for each in crossings
                if each.gate == there.site.gate and each.domain in there.site.domains
            ]
            copies += [(Spot(rank, idx), spot) for idx, spot in _find_matching(there, named)]
    # Of several sites that let a message go, the first in order counts; the others name it likewise.
    copy_of: dict[Spot, Spot] = {}
    for spot, original in copies:
        copy_of.setdefault(spot, original)
    return fold_doubles(copy_of)


def _find_matching(there: ReachedSite, named: Sequence[tuple[int, str]]) -> Iterable[tuple[int, Spot]]:
    """Yield which of some record ids match at a site, each with the place that came with it."""
    with there.lookup.index.look() as db:
        places = {record: find_place(db, record) for _, record in named}
        passed = (place for place in places.values() if place is not None and _is_of_gate(place))
        matching = keep_matching(db, passed, there.lookup.asked.where)
    for idx, record in named:
        if (place := places[record]) in matching and place is not None:
            yield idx, Spot(there.site.rank, place)


def _is_of_gate(place: int) -> bool:
    return find_record(place)[0] is IndexedLog.GATE
