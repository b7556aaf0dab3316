"""Reads a conversation at all sites that have a part of it; each site has a record of the look (docs/sites.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from components.audit.conversation.item import Item
from components.audit.conversation.part import During, Part, Whole
from components.audit.conversation.read import ConversationView, NoConversationError, read_conversation
from components.audit.index.crossed import read_crossings_at
from components.audit.index.database import Connection
from components.audit.index.pages import find_place
from components.audit.indexed import open_site_index
from components.audit.sites.doubles import Spot
from components.audit.sites.named import (
    UNREACHABLE,
    NamedSite,
    SiteFault,
    admit,
    explain,
    find_behind,
    find_site,
    open_sites,
)
from components.audit.sites.talk import SiteItems, merge_items
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile

MOST_OF_ANOTHER = 500
"""So many items of another site are shown between the first and the last one of the site where one reads."""

_ALWAYS = (-(2**63), 2**63 - 1)


@dataclass(frozen=True, slots=True)
class ReadSite:
    """A site that has a part of the conversation: how many items, and the record of this look; see SearchedSite."""

    name: str
    items: int
    access_id: str
    digest: str
    log_size: int
    behind: str


@dataclass(frozen=True, slots=True)
class SitesTalk:
    """A part of a conversation as all sites have it; ids of records begin with their site's name.

    `view` is that of the site where one reads, whose pages these are, with the items of the others between its own.
    `faults` are the sites that could not be read.
    """

    view: ConversationView
    sites: tuple[ReadSite, ...]
    faults: tuple[SiteFault, ...]

    @property
    def is_complete(self) -> bool:
        """Whether all sites were read, and none of them is a copy that is behind."""
        return not self.faults and not any(each.behind for each in self.sites)


@dataclass(frozen=True, slots=True)
class Look:
    """Who looks, and how: `who` is the id of an auditor who is logged in, else it is this process's user."""

    progress: Progress
    who: str | None = None
    seen_by: str = ""
    at_ns: int | None = None

    async def read(self, site: NamedSite, what: Part) -> ConversationView:
        """Read what a site has; raises as `read_conversation` does."""
        auditor = await admit(site.settings, self.who, is_own=site.rank == 0)
        return await read_conversation(site.settings, what, self.progress, auditor, self.seen_by, self.at_ns)


async def read_sites(settings: SiteFile, what: Part, look: Look, at: str = "") -> SitesTalk:
    """Read a part of a conversation at the site `at`, or the first that has it, and what the others have of that time.

    Raises NoConversationError if no site has it, SiteError and LogError.
    """
    sites, faults = open_sites(settings)
    first, view = await _read_first(_choose(settings, sites, faults, at), what, look, faults)
    window = _find_window(first, what, view)
    during = During(tuple(party.jid for party in view.parties), *window, MOST_OF_ANOTHER)
    views = {first: view}
    for site in sites:
        if site is not first:
            try:
                views[site] = await look.read(site, during)
            except NoConversationError:
                continue
            except UNREACHABLE as error:
                if site.rank == 0:
                    raise
                faults.append(SiteFault(site.name, explain(error)))
    return SitesTalk(
        _merge(first, views, window), tuple(_describe(*each) for each in views.items()), tuple(faults)
    )


def _choose(
    settings: SiteFile, sites: Sequence[NamedSite], faults: Sequence[SiteFault], at: str
) -> Sequence[NamedSite]:
    if not at:
        return sites
    find_site(settings, at)
    if fault := next((each for each in faults if each.name == at), None):
        raise SiteError(f"{at}: {fault.reason}")
    return [site for site in sites if site.name == at]


async def _read_first(
    sites: Sequence[NamedSite], what: Part, look: Look, faults: list[SiteFault]
) -> tuple[NamedSite, ConversationView]:
    none: NoConversationError | None = None
    for site in sites:
        try:
            return site, await look.read(site, what)
        except NoConversationError as error:
            none = none or error
        except UNREACHABLE as error:
            if site.rank == 0 or len(sites) == 1:
                raise
            faults.append(SiteFault(site.name, explain(error)))
    raise none or SiteError("no site could be read")


def _find_window(site: NamedSite, what: Part, view: ConversationView) -> tuple[int, int]:
    """Return from which time on, and before which, other sites are read: pages that follow one another leave no gap."""
    from_ns, until_ns = _ALWAYS
    if view.items and view.more_before:
        from_ns = view.items[0].at_ns
    if view.items and view.more_after:
        until_ns = view.items[-1].at_ns + 1
    if isinstance(what, Whole):
        with open_site_index(site.settings) as index, index.look() as db:
            if what.before:
                until_ns = _find_time(db, what.before, until_ns)
            if what.after:
                from_ns = _find_time(db, what.after, from_ns) + 1
    return from_ns, until_ns


def _find_time(db: Connection, record_id: str, otherwise: int) -> int:
    row = db.execute(
        "SELECT received_at_ns FROM entry WHERE idx = ?", (find_place(db, record_id),)
    ).fetchone()
    return otherwise if row is None else int(row[0])


def _merge(
    first: NamedSite, views: Mapping[NamedSite, ConversationView], window: tuple[int, int]
) -> ConversationView:
    copy_of, elsewhere = _find_copies(views, window)
    room = views[first].parties[0].jid.rpartition("@")[2] if views[first].is_room else ""
    sites = [
        SiteItems(
            site.rank,
            site.name,
            tuple(item for item in view.items if Spot(site.rank, item.place) not in elsewhere),
            room in site.domains,
        )
        for site, view in views.items()
    ]
    view = next((views[site] for site in views if room and room in site.domains), views[first])
    cut = (site.name for site, each in views.items() if site is not first and each.more_before)
    remarks = (f"{name} has more of this time: read it there, with --at-site {name}" for name in cut)
    own = views[first]
    return replace(
        own,
        items=merge_items(sites, copy_of),
        present=view.present,
        more_before=own.more_before and f"{first.name}:{own.more_before}",
        more_after=own.more_after and f"{first.name}:{own.more_after}",
        access_id=f"{first.name}:{own.access_id}",
        remarks=(*own.remarks, *remarks),
    )


def _find_copies(
    views: Mapping[NamedSite, ConversationView], window: tuple[int, int]
) -> tuple[dict[Spot, Spot], set[Spot]]:
    """Find which items are copies of which others, and which are copies of what stands on another page."""
    copy_of, elsewhere = dict[Spot, Spot](), set[Spot]()
    shown = {site: _by_record(view) for site, view in views.items()}
    for site, view in views.items():
        with open_site_index(site.settings) as index, index.look() as db:
            crossings = read_crossings_at(db, [item.place for item in view.items])
        for crossing in crossings:
            spot = Spot(site.rank, crossing.idx)
            there = next((each for each in views if _is_from(crossing.gate, crossing.domain, each)), None)
            if there is None or there is site:
                continue
            if item := shown[there].get(crossing.record):
                copy_of.setdefault(spot, Spot(there.rank, item.place))
            elif not _is_within(there, crossing.record, window):
                elsewhere.add(spot)
    return copy_of, elsewhere


def _is_from(gate: str, domain: str, site: NamedSite) -> bool:
    return gate == site.gate and domain in site.domains


def _is_within(site: NamedSite, record_id: str, window: tuple[int, int]) -> bool:
    """Return whether a record that a site has, if it has it, was received in a time."""
    with open_site_index(site.settings) as index, index.look() as db:
        return window[0] <= _find_time(db, record_id, window[0]) < window[1]


def _by_record(view: ConversationView) -> dict[str, Item]:
    return {record: item for item in view.items for record in item.records}


def _describe(site: NamedSite, view: ConversationView) -> ReadSite:
    return ReadSite(
        site.name,
        len(view.items),
        view.access_id,
        view.digest,
        view.log_size,
        find_behind(site.settings),
    )
