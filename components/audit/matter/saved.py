"""Saves the result of a search in a matter: what was asked, how much was searched, how much found, the digest."""

from collections.abc import Iterable

from components.archive.record import Access
from components.audit.access import Purpose, get_purpose, record_access, set_purpose
from components.audit.author import Author
from components.audit.index.logs import IndexedLog
from components.audit.matter.acts import act, find_matter
from components.audit.matter.values import Detail, Matter, MatterAct
from components.audit.purpose import found_at
from components.audit.search import find_ids
from components.audit.sites.named import SiteFault
from components.audit.sites.reached import ReachedSite, reach_sites
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile


async def save_result(
    settings: SiteFile, author: Author, id_: str, query: str, title: str, progress: Progress
) -> Matter:
    """Search, and save the result in a matter; the search is a record of its own. Raises as `find_ids` and `act` do.

    Where there are other sites, all are searched, and each has a record of it.
    """
    if not (await find_matter(settings, author.auditor, id_)).is_open:
        raise SiteError(f"the matter {id_} is closed; re-open it first")
    search = _search_all if settings.audit.sites else _search_one
    details = await search(settings, author, id_, query, title, progress)
    return await act(settings, author, MatterAct.SAVE, id_, {"title": title, "query": query, **details})


async def _search_all(
    settings: SiteFile, _author: Author, id_: str, query: str, title: str, progress: Progress
) -> dict[str, Detail]:
    before = get_purpose()
    set_purpose(found_at(settings, Purpose(id_, title)))
    try:
        async with reach_sites(settings, query, "search", progress) as reach:
            own = reach.reached[0]
            return {
                **_describe_own(own),
                "result_count": reach.matched,
                "result_digest": own.digest,
                "search": own.access_id,
                "sites": _tell_sites(reach.reached.values()),
                "not_searched": _tell_missing(reach.reached.values(), reach.faults),
            }
    finally:
        set_purpose(before)


def _describe_own(own: ReachedSite) -> dict[str, Detail]:
    as_of, names = own.lookup.as_of, own.lookup.names
    return {
        "log_size": as_of.sizes[IndexedLog.GATE],
        "log_sizes": as_of.name_others(names),
        "searched_at_ns": as_of.at_ns,
    }


def _tell_sites(reached: Iterable[ReachedSite]) -> str:
    """Return a line for each site: the record of the search there, how many records it found, and their digest."""
    return "\n".join(f"{each.site.name}:{each.access_id} {each.matched} {each.digest}" for each in reached)


def _tell_missing(reached: Iterable[ReachedSite], faults: Iterable[SiteFault]) -> str:
    """Return a line for each site that was not searched, or may have more."""
    behind = (f"{each.site.name} may have more: {each.behind}" for each in reached if each.behind)
    return "\n".join((*(f"{each.name}: {each.reason}" for each in faults), *behind))


async def _search_one(
    settings: SiteFile, author: Author, id_: str, query: str, title: str, progress: Progress
) -> dict[str, Detail]:
    found = await find_ids(settings, query, progress, author.auditor)
    access = Access(
        author.auditor.id,
        "search",
        query,
        found.as_of.at_ns,
        found.log_size,
        len(found),
        found.digest,
        id_,
        title,
        found.log_sizes,
        found.as_of.index_format,
    )
    return {
        "log_size": found.log_size,
        "log_sizes": found.log_sizes,
        "result_count": len(found),
        "result_digest": found.digest,
        "searched_at_ns": found.as_of.at_ns,
        "search": await record_access(settings, access),
    }
