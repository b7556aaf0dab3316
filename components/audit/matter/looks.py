"""Looks at matters themselves: which there are, and what is in one. Each is recorded before it is shown."""

import time
from dataclasses import dataclass

from components.archive.record import Access
from components.audit.access import record_access
from components.audit.auditor import Auditor
from components.audit.matter.acts import fetch_matters, list_matters, require_seen
from components.audit.matter.fold import Refused
from components.audit.matter.holds import HoldOfMatter, find_holds
from components.audit.matter.values import Matter
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class SeenMatters:
    """The matters that an auditor works on; `access_id` is the record of this look."""

    matters: tuple[Matter, ...]
    access_id: str


@dataclass(frozen=True, slots=True)
class MatterDetail:
    """A matter, its holds, and the acts in it that count for nothing; `access_id` is the record of this look."""

    matter: Matter
    holds: tuple[HoldOfMatter, ...]
    refused: tuple[Refused, ...]
    access_id: str


async def look_at_matters(settings: SiteFile, auditor: Auditor) -> SeenMatters:
    """Return the matters that an auditor works on, and record the look; raises SiteError and LogError."""
    found = tuple(await list_matters(settings, auditor))
    access = Access(auditor.id, "matter list", "", time.time_ns(), 0, len(found))
    return SeenMatters(found, await record_access(settings, access))


async def look_at_matter(settings: SiteFile, auditor: Auditor, id_: str) -> MatterDetail:
    """Return a matter and its holds, and record the look; raises SiteError and LogError."""
    folded = await fetch_matters(settings)
    matter = require_seen(folded, auditor, id_)
    holds = tuple(await find_holds(settings, matter))
    access = Access(auditor.id, "matter show", id_, time.time_ns(), 0, len(matter.exhibits), matter=id_)
    return MatterDetail(matter, holds, folded.refused_of(id_), await record_access(settings, access))
