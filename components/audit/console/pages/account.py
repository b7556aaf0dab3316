"""The auditor's own page: who they are here, how the console speaks to them, and their passkeys."""

from aiohttp import web

from components.audit.console.languages import NAMES
from components.audit.console.render import find_zone
from components.audit.console.visit import Refused, Visit

THEMES = ("auto", "light", "dark")


async def show_account(visit: Visit) -> web.StreamResponse:
    """Show what the console knows of the auditor."""
    passkeys = visit.console.state.passkeys_of(visit.who.id)
    return visit.page("account.html", passkeys=passkeys, has_passkeys=visit.console.settings.passkeys)


async def keep_preferences(visit: Visit) -> web.StreamResponse:
    """Keep the language, the time zone and the theme, for this session; raises Refused if there is no such zone."""
    session = visit.own_session
    zone = visit.said("zone", session.zone).strip()
    if find_zone(zone).key != zone:
        raise Refused(400, "error.zone")
    session.zone = zone
    if (language := visit.said("language")) in NAMES:
        session.language = language
    if (theme := visit.said("theme")) in THEMES:
        session.theme = theme
    return visit.go_to("/account")
