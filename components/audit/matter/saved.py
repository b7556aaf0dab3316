"""Saves the result of a search in a matter: what was asked, how much was searched, how much found, the digest."""

from components.archive.record import Access
from components.audit.access import record_access
from components.audit.author import Author
from components.audit.matter.acts import act, find_matter
from components.audit.matter.values import Detail, Matter, MatterAct
from components.audit.search import find_ids
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile


async def save_result(
    settings: SiteFile, author: Author, id_: str, query: str, title: str, progress: Progress
) -> Matter:
    """Search, and save the result in a matter; the search is a record of its own. Raises as `find_ids` and `act` do."""
    if not (await find_matter(settings, author.auditor, id_)).is_open:
        raise SiteError(f"the matter {id_} is closed; re-open it first")
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
    details: dict[str, Detail] = {
        "title": title,
        "query": query,
        "log_size": found.log_size,
        "log_sizes": found.log_sizes,
        "result_count": len(found),
        "result_digest": found.digest,
        "searched_at_ns": found.as_of.at_ns,
        "search": await record_access(settings, access),
    }
    return await act(settings, author, MatterAct.SAVE, id_, details)
