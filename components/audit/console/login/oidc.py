"""Logging in with an identity provider's account (OpenID Connect Core 1.0, 3.1; with PKCE, state and nonce)."""

import structlog
from aiohttp import web

from components.audit.auditor import find_auditor
from components.audit.console.login.provider import Provider, ProviderAwayError, ProviderError
from components.audit.console.login.values import Started
from components.audit.console.login.ways import finish_login, refuse_login, require_patience
from components.audit.console.visit import Refused, Visit
from components.process.errors import SiteError

BACK = "/login/oidc/back"
_COOKIE = "__Host-steelyard-login"
_FORGET = f"{_COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"

log = structlog.get_logger("console")


async def begin(visit: Visit) -> web.StreamResponse:
    """Send the browser to the provider."""
    await require_patience(visit)
    provider, started = _provider(visit), Started()
    state = visit.console.started.begin(started, visit.address)
    try:
        address = await provider.find_login(state, started)
    except ProviderAwayError as error:
        raise _tell_fault(error) from None
    response = visit.go_to(address)
    # Lax, because the provider sends the browser back from another site. It logs nobody in by itself.
    response.headers.add(
        "Set-Cookie", f"{_COOKIE}={state}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=300"
    )
    return response


async def come_back(visit: Visit) -> web.StreamResponse:
    """Log in who comes back from the provider with a code, in the browser that was sent there."""
    await require_patience(visit)
    provider, state = _provider(visit), visit.argument("state")
    is_same_browser = bool(state) and visit.request.cookies.get(_COOKIE) == state
    started = visit.console.started.end(state) if is_same_browser else None
    try:
        if started is None:
            raise ProviderError("nobody was sent there, or in another browser")
        id_ = await provider.find_auditor_id(visit.argument("code"), started, visit.console.clock())
        auditor = find_auditor(visit.console.site, id_)
    except ProviderAwayError as error:
        raise _tell_fault(error) from None
    except (ProviderError, SiteError) as error:
        log.warning("refused a login by the provider", reason=str(error))
        raise await refuse_login(visit, "oidc") from None
    # A page of ours goes on from here: with the session's cookie, which no other site's way brings along.
    done = await finish_login(visit, auditor, "oidc")
    response = visit.page("logged_in.html")
    for cookie in (*done.headers.getall("Set-Cookie"), _FORGET):
        response.headers.add("Set-Cookie", cookie)
    return response


def _tell_fault(fault: ProviderAwayError) -> Refused:
    log.warning("no login by the provider", reason=str(fault))
    return Refused(502, "error.provider")


def _provider(visit: Visit) -> Provider:
    settings = visit.console.settings
    if settings.oidc is None:
        raise Refused(404, "error.404")
    return Provider(settings.oidc, settings.origin + BACK)
