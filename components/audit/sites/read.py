"""Reads a conversation at all sites that have a part of it; each site has a record of the look (docs/sites.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from components.audit.conversation.part import During, Part, Whole
from components.audit.conversation.read import ConversationView, NoConversationError, read_conversation
from components.audit.indexed import open_site_index
from components.audit.sites.complete import OfAllSites
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
from components.audit.sites.page import ALWAYS, Window, find_copies, find_elsewhere, find_time
from components.audit.sites.talk import SiteItems, merge_items
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile

MOST_OF_ANOTHER = 500
"""So many items of another site are shown between the first and the last one of the site where one reads."""


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
class SitesTalk(OfAllSites):
    """A part of a conversation as all sites have it; ids of records begin with their site's name.

    `view` is that of the site where one reads, whose pages these are, with the items of the others between its own.
    `faults` are the sites that could not be read.
    """

    view: ConversationView
    sites: tuple[ReadSite, ...]
    faults: tuple[SiteFault, ...]


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
    window = _find_window(first, what, view).until(look.at_ns)
    during = During(tuple(party.jid for party in view.parties), *window.widened(), MOST_OF_ANOTHER)
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


def _find_window(site: NamedSite, what: Part, view: ConversationView) -> Window:
    """Return of which time other sites are read: pages that follow one another leave no gap."""
    from_ns, until_ns = ALWAYS
    if view.items and view.more_before:
        from_ns = view.items[0].at_ns
    if view.items and view.more_after:
        until_ns = view.items[-1].at_ns + 1
    if isinstance(what, Whole):
        with open_site_index(site.settings) as index, index.look() as db:
            if what.before:
                until_ns = find_time(db, what.before, until_ns)
            if what.after:
                from_ns = find_time(db, what.after, from_ns) + 1
    return Window(from_ns, until_ns)


def _merge(first: NamedSite, views: Mapping[NamedSite, ConversationView], window: Window) -> ConversationView:
    copy_of = find_copies(views)
    elsewhere = find_elsewhere(first, views, window, copy_of)
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


def _describe(site: NamedSite, view: ConversationView) -> ReadSite:
    return ReadSite(
        site.name,
        len(view.items),
        view.access_id,
        view.digest,
        view.log_size,
        find_behind(site.settings),
    )
