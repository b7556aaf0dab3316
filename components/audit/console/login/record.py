"""The record of a login, in the log of the auditors' looks."""

from components.archive.record import Access
from components.audit.access import record_access
from components.audit.console.visit import Visit

ADMITTED = "console-login"
REFUSED = "console-login-refused"


async def record_login(visit: Visit, auditor: str, way: str, *, is_admitted: bool) -> None:
    """Record who logged in, how and from where, or that somebody could not; raises SiteError."""
    act = ADMITTED if is_admitted else REFUSED
    console, at_ns = visit.console, int(visit.console.clock() * 1e9)
    access = Access(auditor, act, f"{way} from {visit.address}", at_ns, 0, int(is_admitted))
    await visit.record(lambda: record_access(console.site, access))


async def record_passkey(visit: Visit, done: str, id_: str) -> None:
    """Record that an auditor added or removed a passkey; raises SiteError."""
    at_ns = int(visit.console.clock() * 1e9)
    access = Access(visit.who.id, f"console-passkey-{done}", id_[:32], at_ns, 0, 1)
    await visit.record(lambda: record_access(visit.console.site, access))
