"""The page to log in, and the one-time link; each login, and each refused one, is a record."""

from aiohttp import web

from components.archive.alarm_name import AlarmName
from components.audit.auditor import Auditor, find_auditor
from components.audit.console.limit import WINDOW_S
from components.audit.console.login.link import LinkError, open_claim
from components.audit.console.login.record import record_login
from components.audit.console.render import find_zone
from components.audit.console.visit import FORGET_SESSION, Refused, Visit
from components.process.errors import SiteError

AFTER_LOGIN = "/search"


async def show_ways(visit: Visit) -> web.StreamResponse:
    """Show how one can log in."""
    if visit.auditor is not None:
        return visit.go_to(AFTER_LOGIN)
    settings = visit.console.settings
    return visit.page("login.html", has_passkeys=settings.passkeys, has_oidc=settings.oidc is not None)


async def show_link(visit: Visit) -> web.StreamResponse:
    """Show the page that a one-time link leads to: a person presses a button there, and no program that only looks."""
    return visit.page("link.html")


async def log_in_by_link(visit: Visit) -> web.StreamResponse:
    """Log in by a one-time link."""
    await require_patience(visit)
    console, now_s = visit.console, visit.console.clock()
    try:
        claim = open_claim(console.link_key, visit.said("token"), now_s)
        auditor = find_auditor(console.site, claim.auditor)
        if not console.state.use_link(claim.nonce, claim.expires_s, now_s):
            raise LinkError
    except (LinkError, SiteError):
        raise await refuse_login(visit, "link") from None
    return await finish_login(visit, auditor, "link")


async def log_out(visit: Visit) -> web.StreamResponse:
    """End the session."""
    visit.console.sessions.end(visit.session_name)
    response = visit.go_to("/login")
    response.headers.add("Set-Cookie", FORGET_SESSION)
    return response


async def require_patience(visit: Visit) -> None:
    """Raise Refused if too many logins have just failed."""
    if wait_s := visit.console.limit.waits_s(visit.address):
        raise Refused(429, "error.often", seconds=int(wait_s) + 1)


async def refuse_login(visit: Visit, way: str) -> Refused:
    """Count and record a login that is refused, and return what says so; it never says why."""
    if visit.console.limit.failed(visit.address):
        visit.console.alarms.sound(AlarmName.LOGINS_REFUSED, within_s=int(WINDOW_S))
    visit.console.metrics.refused[way] += 1
    await record_login(visit, "", way, is_admitted=False)
    return Refused(403, "error.refused")


async def finish_login(visit: Visit, auditor: Auditor, way: str) -> web.Response:
    """Record a login, begin the session, and show the way on; raises SiteError if it cannot be recorded."""
    await record_login(visit, auditor.id, way, is_admitted=True)
    visit.console.metrics.logins[way] += 1
    zone = find_zone(visit.said("zone", "UTC")).key or "UTC"
    response = visit.go_to(AFTER_LOGIN)
    response.headers.add("Set-Cookie", visit.log_in(auditor.id, zone))
    return response
