"""What every request goes through: the host it names, its session, its form's token, and what becomes of errors."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from components.archive.alarm_name import AlarmName
from components.archive.errors import LogError
from components.audit.access import LookNotRecordedError, MatterRequiredError, PurposeError
from components.audit.auditor import Role, find_auditor
from components.audit.console.console import Console
from components.audit.console.form import read_form
from components.audit.console.headers import COMMON, is_from_elsewhere, is_own_form
from components.audit.console.session import COOKIE
from components.audit.console.visit import FORGET_SESSION, Refused, Visit
from components.audit.query.error import QueryError
from components.process.errors import SiteError
from components.process.http import is_broken_off

_BODY_TIMEOUT_S = 20.0
"""No form has more than some kilobytes."""

VISIT = web.RequestKey("visit", Visit)


log = structlog.get_logger("console")


def guard(console: Console) -> Middleware:
    """Return what is between the network and the pages."""
    host = console.settings.origin.removeprefix("https://")

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        visit = Visit(request, console)
        request[VISIT] = visit
        began_s = time.monotonic()
        try:
            # Another name for this address would be another origin to the browser (DNS rebinding).
            if request.host != host:
                raise Refused(421, "error.host")
            find_session(visit)
            return await handler(request)
        except (Refused, web.HTTPException, SiteError, QueryError, LogError) as error:
            return _explain(visit, error)
        except Exception as error:
            if is_broken_off(request, error):
                raise
            # Its message may quote what was said.
            log.error("failed", reason=type(error).__name__, at=_find_place(error))
            console.metrics.failed += 1
            console.alarms.sound(AlarmName.PAGE_FAILED, reason=type(error).__name__)
            return _explain(visit, Refused(500, "error.failed"))
        finally:
            if not request.path.startswith("/static/"):
                console.metrics.page_seconds.observe(time.monotonic() - began_s)

    return answer


def find_session(visit: Visit) -> None:
    """Note whose session the request is part of, if it is part of one that goes on."""
    name = visit.request.cookies.get(COOKIE, "")
    session = visit.console.sessions.find(name) if name else None
    if session is None:
        return
    visit.session, visit.session_name = session, name
    try:
        visit.auditor = find_auditor(visit.console.site, session.auditor)
    except SiteError:  # no longer listed
        visit.console.sessions.end(name)
        visit.session, visit.auditor = None, None


def require_auditor(visit: Visit, roles: frozenset[Role]) -> None:
    """Raise Refused unless an auditor with one of these roles asks, from a page of the console or by hand."""
    if visit.auditor is None:
        raise Refused(401, "error.login")
    if is_from_elsewhere(visit.request.headers):
        raise Refused(403, "error.elsewhere")
    if not roles & visit.auditor.roles:
        raise Refused(403, "error.role")


@asynccontextmanager
async def take_turn(visit: Visit) -> AsyncIterator[None]:
    """Count a request of an auditor while it goes on; raises Refused if there are too many."""
    pace, auditor = visit.console.pace, visit.who.id
    if wait_s := pace.begin(auditor):
        raise Refused(429, "error.pace", seconds=int(wait_s) + 1)
    try:
        yield
    finally:
        pace.end(auditor)


async def take_form(visit: Visit, *, is_public: bool) -> None:
    """Read a form; raises Refused unless a page of ours sent it, with the token of its session."""
    if not is_own_form(visit.request.headers, visit.console.settings.origin):
        raise Refused(403, "error.elsewhere")
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            visit.form = await read_form(visit.request)
    except TimeoutError:
        raise Refused(408, "error.slow") from None
    if is_public:
        return
    token = visit.request.headers.get("X-CSRF-Token") or visit.said("csrf")
    if not visit.own_session.takes(token):
        raise Refused(403, "error.elsewhere")


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Add what every answer says to the browser; an answer's own word counts."""
    for name, value in COMMON.items():
        response.headers.setdefault(name, value)


def _explain(visit: Visit, error: Exception) -> web.StreamResponse:
    match error:
        case Refused(status=401):
            return _ask_to_log_in(visit)
        case Refused():
            page = _page(
                visit,
                error.status,
                visit.texts(error.key, **error.values),
                asks_purpose=error.key == "error.reason",
            )
            if "seconds" in error.values:
                page.headers["Retry-After"] = str(error.values["seconds"])
            return page
        case web.HTTPRedirection():
            return _page(visit, 404, visit.texts("error.404"))
        case web.HTTPException():
            return _page(visit, error.status, visit.texts.word("error", str(error.status)))
        case QueryError():
            return _page(visit, 400, visit.texts.fault(error))
        case MatterRequiredError():
            return _page(visit, 403, visit.texts("error.matter"), asks_purpose=True)
        case LookNotRecordedError():
            return _page(visit, 503, str(error))
        case PurposeError():
            return _page(visit, 403, str(error), asks_purpose=True)
        case LogError():
            visit.console.metrics.failed += 1
            return _page(visit, 503, visit.texts("error.log", reason=str(error)))
    return _page(visit, 400, str(error))


def _ask_to_log_in(visit: Visit) -> web.StreamResponse:
    if visit.is_fragment:
        # htmx follows this instead of putting a login page into a part of another.
        return web.Response(status=401, headers={"HX-Redirect": "/login"})
    response = visit.go_to("/login")
    if COOKIE in visit.request.cookies:
        response.headers.add("Set-Cookie", FORGET_SESSION)
    return response


def _page(visit: Visit, status: int, text: str, *, asks_purpose: bool = False) -> web.StreamResponse:
    return visit.page("error.html", status=status, text=text, asks_purpose=asks_purpose)


def _find_place(error: Exception) -> str:
    """Return the line of code that an error comes from."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno}" if at else ""
