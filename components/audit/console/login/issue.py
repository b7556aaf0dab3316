"""Makes a one-time link for an auditor; who made it for whom is a record."""

import time

from components.archive.record import Access
from components.audit.access import name_actor, record_access
from components.audit.auditor import find_auditor
from components.audit.console.login.link import LIFETIME_S, load_link_key, make_link
from components.process.errors import SiteError
from components.settings.site import SiteFile


async def issue_link(settings: SiteFile, auditor: str | None) -> str:
    """Return a link that logs in an auditor, by their id, or who asks; raises SiteError."""
    console = settings.console
    if console is None:
        raise SiteError(f"{settings.path.name} has no table [console]; docs/console.md says how to add it")
    found = find_auditor(settings, auditor)
    link = make_link(load_link_key(console.link_key_file), console.origin, found.id, time.time(), LIFETIME_S)
    await record_access(settings, Access(name_actor(), "console-link", found.id, time.time_ns(), 0, 1))
    return link
