"""Which grants there are: a look, recorded before it is shown."""

import time
from dataclasses import dataclass

from components.archive.record import Access
from components.audit.access import record_access
from components.audit.auditor import Auditor
from components.audit.grant.fold import RecordedGrant
from components.audit.grant.issue import list_grants
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class SeenGrants:
    """The grants that somebody may know of, at a time; `access_id` is the record of this look."""

    grants: tuple[RecordedGrant, ...]
    at_ns: int
    access_id: str


async def look_at_grants(settings: SiteFile, auditor: Auditor) -> SeenGrants:
    """Return the grants that an auditor may know of, and record the look; raises SiteError and LogError."""
    found, now_ns = tuple(await list_grants(settings, auditor)), time.time_ns()
    access = Access(auditor.id, "grant list", "", now_ns, 0, len(found))
    return SeenGrants(found, now_ns, await record_access(settings, access))
