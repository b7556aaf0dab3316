"""Looks at matters themselves: which there are, and what is in one. Each is recorded before it is shown."""

import time
from dataclasses import dataclass

from components.archive.record import Access
from components.audit.access import record_access
from components.audit.auditor import Auditor
from components.audit.matter.acts import fetch_matters, list_matters, require_seen
from components.audit.matter.fold import Refused
from components.audit.matter.holds import HoldOfMatter, find_holds, find_holds_elsewhere
from components.audit.matter.values import Matter
from components.audit.sites.named import SiteFault
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class SeenMatters:
    """The matters that an auditor works on; `access_id` is the record of this look."""

    matters: tuple[Matter, ...]
    access_id: str


@dataclass(frozen=True, slots=True)
class MatterDetail:
    """A matter, its holds, and the acts in it that count for nothing; `access_id` is the record of this look.

    `elsewhere` are the names of the other sites whose holds these are, too, `faults` those that could not be asked.
    """

    matter: Matter
    holds: tuple[HoldOfMatter, ...]
    refused: tuple[Refused, ...]
    access_id: str
    elsewhere: tuple[str, ...] = ()
    faults: tuple[SiteFault, ...] = ()


async def look_at_matters(settings: SiteFile, auditor: Auditor) -> SeenMatters:
    """Return the matters that an auditor works on, and record the look; raises SiteError and LogError."""
    found = tuple(await list_matters(settings, auditor))
    access = Access(auditor.id, "matter list", "", time.time_ns(), 0, len(found))
    return SeenMatters(found, await record_access(settings, access))


async def look_at_matter(
    settings: SiteFile, auditor: Auditor, id_: str, who: str | None = None
) -> MatterDetail:
    """Return a matter and its holds at all sites, and record the look at each; raises SiteError and LogError.

    `who` is the id of an auditor who is logged in.
    """
    folded = await fetch_matters(settings)
    matter = require_seen(folded, auditor, id_)
    holds = await find_holds(settings, matter)
    others, elsewhere, faults = await find_holds_elsewhere(settings, matter, who)
    access = Access(auditor.id, "matter show", id_, time.time_ns(), 0, len(matter.exhibits), matter=id_)
    access_id = await record_access(settings, access)
    return MatterDetail(
        matter, (*holds, *others), folded.refused_of(id_), access_id, tuple(elsewhere), tuple(faults)
    )
