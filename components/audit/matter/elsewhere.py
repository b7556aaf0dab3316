"""Records of other sites in a matter: it is kept at one site, and each look at another is recorded there, too.

An auditor sees there what that site lets them see, and of that no more than the matter may concern.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from components.archive.record import Access
from components.audit.access import record_access
from components.audit.auditor import Auditor
from components.audit.matter.scope import is_own_jid, is_own_record
from components.audit.matter.values import Matter
from components.audit.sites.named import UNREACHABLE, SiteFault, explain, find_looker, find_site
from components.audit.view import RecordView
from components.process.errors import SiteError
from components.settings.site import SiteFile

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another site at which a matter of this one looks, and who looks there.

    `label` is what the matter is called there.
    """

    name: str
    settings: SiteFile
    auditor: Auditor
    label: str

    def covers(self, matter: Matter, view: RecordView) -> bool:
        """Return whether the matter may concern a record there, and whoever looks may see it; raises SiteError."""
        seen = (matter.enterprises, self.auditor.enterprises)
        return all(is_own_record(self.settings, each, view) for each in seen)

    def covers_jid(self, matter: Matter, jid: str) -> bool:
        """Return whether a person or a room is likewise; raises SiteError."""
        seen = (matter.enterprises, self.auditor.enterprises)
        return all(is_own_jid(self.settings, each, jid) for each in seen)

    async def record(self, act: str, query: str, found: int) -> str:
        """Record the look there, before anything is shown; raises LookNotRecordedError."""
        access = Access(self.auditor.id, act, query, time.time_ns(), 0, found, matter=self.label)
        return await record_access(self.settings, access)


def name_elsewhere(own: SiteFile, matter: str) -> str:
    """Return what a matter of this site is called in the logs of others."""
    return f"{own.site.name}:{matter}"


def split_own(own: SiteFile, record_id: str) -> tuple[str, str]:
    """Return the name of another site, empty for this one, and the id of a record there."""
    name, _, id_ = record_id.rpartition(":")
    return ("" if name == own.site.name else name), id_


def go_elsewhere(own: SiteFile, name: str, matter: str, who: str | None) -> Elsewhere:
    """Return another site, as whoever works on a matter here is listed there; raises SiteError, which names it."""
    try:
        settings = find_site(own, name)
        auditor = find_looker(settings, who, is_own=False)
    except UNREACHABLE as error:
        raise SiteError(f"{name}: {explain(error)}") from None
    return Elsewhere(name, settings, auditor, name_elsewhere(own, matter))


def go_everywhere(own: SiteFile, matter: str, who: str | None) -> tuple[list[Elsewhere], list[SiteFault]]:
    """Return all other sites, as `go_elsewhere` does, and those that there is no way to."""
    found, faults = list[Elsewhere](), list[SiteFault]()
    for other in own.audit.sites:
        try:
            found.append(go_elsewhere(own, other.name, matter, who))
        except SiteError as error:
            faults.append(SiteFault(other.name, str(error).removeprefix(f"{other.name}: ")))
    return found, faults


def group_by_site(
    own: SiteFile, items: Iterable[Found], id_of: Callable[[Found], str]
) -> dict[str, list[Found]]:
    """Return things by the sites that their ids name; those of this one under no name."""
    grouped = dict[str, list[Found]]()
    for item in items:
        grouped.setdefault(split_own(own, id_of(item))[0], []).append(item)
    return grouped
