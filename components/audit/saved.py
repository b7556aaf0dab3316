"""Saved searches: a name for a query, which all auditors of the site share; the log keeps who saved it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from components.audit.auditor import Auditor
from components.audit.kept_acts import read_acts, record_act
from components.audit.lookup import Lookup, look_up
from components.audit.query.parser import parse_query
from components.audit.query.tree import OfKind, SearchKind
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile

_SAVED, _REMOVED = "search-saved", "search-removed"
_NAME = re.compile(r"[\w.-]{1,64}")


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A query as it was typed, so that `after:7d` counts back from each search; who saved it, and when."""

    name: str
    query: str
    by: str
    at_ns: int
    record: str


@dataclass(frozen=True, slots=True)
class SavedSearches:
    """The saved searches, by name; `access_id` is the record of this look."""

    searches: tuple[SavedSearch, ...]
    access_id: str


async def save_search(
    settings: SiteFile, name: str, query: str, progress: Progress, auditor: Auditor | None = None
) -> SavedSearch:
    """Save a query under a name, in place of an earlier one; raises QueryError, SiteError and LogError."""
    if not _NAME.fullmatch(name):
        raise SiteError(
            "a saved search is called by letters, digits, dots and dashes, 64 at most: off-channel.2026"
        )
    async with look_up(settings, OfKind(SearchKind.EVENT), progress, auditor) as lookup:
        parse_query(query, lookup.at_ns)
        record = await record_act(lookup, _SAVED, {"name": name, "query": query})
        return SavedSearch(name, query, lookup.actor, lookup.at_ns, record)


async def list_saved(settings: SiteFile, progress: Progress, auditor: Auditor | None = None) -> SavedSearches:
    """Return all saved searches; raises SiteError and LogError."""
    async with look_up(settings, OfKind(SearchKind.EVENT), progress, auditor) as lookup:
        saved = await _read(lookup)
        access_id = await lookup.record("saved searches", len(saved), "", "*")
    return SavedSearches(tuple(saved[name] for name in sorted(saved)), access_id)


async def find_saved(
    settings: SiteFile, name: str, progress: Progress, auditor: Auditor | None = None
) -> SavedSearch:
    """Return the saved search of a name; raises SiteError if there is none, and LogError."""
    async with look_up(settings, OfKind(SearchKind.EVENT), progress, auditor) as lookup:
        return require_saved((await _read(lookup)).values(), name)


async def remove_saved(
    settings: SiteFile, name: str, progress: Progress, auditor: Auditor | None = None
) -> str:
    """Remove a saved search, and return the id of the record of that; what was recorded stays in the log."""
    async with look_up(settings, OfKind(SearchKind.EVENT), progress, auditor) as lookup:
        require_saved((await _read(lookup)).values(), name)
        return await record_act(lookup, _REMOVED, {"name": name})


def require_saved(saved: Iterable[SavedSearch], name: str) -> SavedSearch:
    """Return the saved search of a name; raises SiteError if there is none."""
    by_name = {each.name: each for each in saved}
    if name not in by_name:
        known = ", ".join(sorted(by_name)) or "none yet"
        raise SiteError(f"there is no saved search {name}; there are: {known}")
    return by_name[name]


async def _read(lookup: Lookup) -> dict[str, SavedSearch]:
    saved: dict[str, SavedSearch] = {}
    async for record, event in read_acts(lookup, _SAVED, _REMOVED):
        details = {key: str(value) for key, value in event.details}
        name = details.get("name", "")
        if event.name == _REMOVED:
            saved.pop(name, None)
        else:
            by = details.get("by", "")
            saved[name] = SavedSearch(name, details.get("query", ""), by, event.at_ns, record)
    return saved
