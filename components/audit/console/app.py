"""The console's addresses, as data, and the way of a request to its page."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler as AiohttpHandler

from components.audit.auditor import Role
from components.audit.console import middleware
from components.audit.console.console import Console
from components.audit.console.login import link, oidc, passkey, ways
from components.audit.console.pages import (
    account,
    conversation,
    exports,
    held,
    matters,
    overview,
    purpose,
    record,
    review,
    search,
    static,
)
from components.audit.console.visit import LOOKERS, REVIEWERS, Handler, Visit

EVERYBODY = frozenset(Role)

MAX_BODY_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Route:
    """One address: who may ask for it (`roles`: one of these; `is_public`: anybody), and what answers."""

    method: str
    path: str
    answer: Handler
    roles: frozenset[Role] = LOOKERS
    is_public: bool = False


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", search.go_home, EVERYBODY),
    Route("GET", "/login", ways.show_ways, is_public=True),
    Route("GET", link.PATH, ways.show_link, is_public=True),
    Route("POST", link.PATH, ways.log_in_by_link, is_public=True),
    Route("POST", "/login/passkey/begin", passkey.begin_login, is_public=True),
    Route("POST", "/login/passkey", passkey.log_in, is_public=True),
    Route("GET", "/login/oidc", oidc.begin, is_public=True),
    Route("GET", oidc.BACK, oidc.come_back, is_public=True),
    Route("POST", "/passkey/begin", passkey.begin_adding, EVERYBODY),
    Route("POST", "/passkey", passkey.add, EVERYBODY),
    Route("POST", "/passkey/remove", passkey.remove, EVERYBODY),
    Route("POST", "/logout", ways.log_out, EVERYBODY),
    Route("GET", "/account", account.show_account, EVERYBODY),
    Route("POST", "/preferences", account.keep_preferences, EVERYBODY),
    Route("POST", "/purpose", purpose.state_purpose),
    Route("GET", "/search", search.show_search),
    Route("GET", "/record/{log}/{number}", record.show_record),
    Route("GET", "/conversation", conversation.show_whole),
    Route("GET", "/conversation/{log}/{number}", conversation.show_around),
    Route("GET", "/overview", overview.show_overview),
    Route("GET", "/review", review.show_queue, REVIEWERS),
    Route("POST", "/review", review.act, REVIEWERS),
    Route("GET", "/held", held.show_held, REVIEWERS),
    Route("POST", "/held", held.decide, REVIEWERS),
    Route("GET", "/matters", matters.list_matters),
    Route("POST", "/matters", matters.open_new),
    Route("POST", "/matters/exhibits", matters.add_exhibits),
    Route("GET", "/matters/{id}", matters.show_matter),
    Route("POST", "/matters/{id}/note", matters.add_note),
    Route("POST", "/matters/{id}/custodian", matters.add_person),
    Route("GET", "/exports", exports.list_exports),
    Route("POST", "/exports", exports.begin_export),
    Route("GET", "/exports/{id}", exports.fetch_export),
    Route("GET", "/static/{digest}/{name}", static.send_file, is_public=True),
)


def make_app(console: Console, routes: Sequence[Route] = ROUTES) -> web.Application:
    """Return the application; it knows no address that is not in `routes`."""
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[middleware.guard(console)])
    for route in routes:
        app.router.add_route(route.method, route.path, _handle(route))
    app.on_response_prepare.append(middleware.add_headers)
    return app


def _handle(route: Route) -> AiohttpHandler:
    async def handle(request: web.Request) -> web.StreamResponse:
        visit: Visit = request[middleware.VISIT]
        if route.is_public:
            return await answer(visit)
        middleware.require_auditor(visit, route.roles)
        async with middleware.take_turn(visit):
            return await answer(visit)

    async def answer(visit: Visit) -> web.StreamResponse:
        if visit.request.method == "POST":
            await middleware.take_form(visit, is_public=route.is_public)
        return await route.answer(visit)

    return handle
