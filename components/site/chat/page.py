"""The chat page's addresses: whom one can be, the page of one of them with Converse.js, and the way to the line."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from components.site.chat.headers import COMMON, NAMES, content_security_policy
from components.site.chat.people import Account, Firm
from components.site.chat.relay import Relay

FOLDER = Path(__file__).parent
SOCKET_PATH = "/xmpp-websocket"
_FILES = {"begin.js": "text/javascript", "chat.js": "text/javascript", "chat.css": "text/css"}


@dataclass(frozen=True)
class ChatPage:
    """What the page shows, and what it is made of.

    `key` is what a link to it ends with: who has it gets passwords. `converse` is the folder of Converse.js, `relay`
    the way to the line; if there is a `fault`, nobody can chat. `console` is the origin of the site's console, `files`
    what links to its files begin with; they are empty where there are none.
    """

    firms: tuple[Firm, ...]
    converse: Path
    key: str = field(repr=False)
    relay: Relay | None = None
    fault: str = ""
    console: str = ""
    files: str = ""

    @cached_property
    def accounts(self) -> dict[str, Account]:
        """Everybody whom one can be, by bare JID."""
        return {account.jid: account for firm in self.firms for account in firm.accounts}

    def find_stranger(self, account: Account) -> Account | None:
        """Return somebody of another enterprise, whom this person cannot reach; None if there is none."""
        others = (firm for firm in self.firms if account not in firm.accounts)
        return next((firm.accounts[0] for firm in others), None)


def make_app(page: ChatPage) -> web.Application:
    """Return the application; it knows its port when it is asked."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined
    )

    def show(template: str, status: int = 200, **values: object) -> web.Response:
        text = environment.get_template(template).render(page=page, socket_path=SOCKET_PATH, **values)
        return web.Response(text=text, status=status, content_type="text/html")

    async def show_people(_request: web.Request) -> web.Response:
        return show("begin.html", status=503 if page.fault else 200)

    async def show_chat(request: web.Request) -> web.Response:
        account = _find_account(page, request)
        if page.fault:
            return show("begin.html", status=503)
        return show("chat.html", account=account, stranger=page.find_stranger(account))

    async def tell_password(request: web.Request) -> web.Response:
        account = _find_account(page, request)
        told = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(told.encode(), page.key.encode()):
            raise web.HTTPForbidden(
                text="the link is of another demonstration, or of an earlier start of this one"
            )
        return web.Response(text=account.password)

    app = web.Application(middlewares=[_guard])
    app.on_response_prepare.append(_add_headers(page))
    app.router.add_get("/", show_people)
    app.router.add_get("/as/{jid}", show_chat)
    app.router.add_post("/as/{jid}/password", tell_password)
    app.router.add_get("/static/{name}", _send_file)
    if page.relay:
        app.router.add_get(SOCKET_PATH, page.relay.carry)
        app.on_shutdown.append(page.relay.close)
    if not page.fault:
        app.router.add_static("/converse", page.converse)
    return app


def _find_account(page: ChatPage, request: web.Request) -> Account:
    if account := page.accounts.get(request.match_info["jid"]):
        return account
    raise web.HTTPNotFound(text="nobody of this demonstration")


async def _send_file(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in _FILES:
        raise web.HTTPNotFound
    return web.Response(text=(FOLDER / "static" / name).read_text(), content_type=_FILES[name])


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Take requests to one of its own names alone (DNS rebinding), and forms and sockets of its own pages alone."""
    port = request.get_extra_info("sockname")[1]
    if request.host not in {f"{name}:{port}" for name in NAMES}:
        raise web.HTTPMisdirectedRequest(text="this is not the address of the chat page")
    if request.headers.get("Origin", f"http://{request.host}") != f"http://{request.host}":
        raise web.HTTPForbidden(text="another page asks")
    return await handler(request)


def _add_headers(page: ChatPage) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    async def add(request: web.Request, response: web.StreamResponse) -> None:
        """Add what every answer says to the browser, errors as well."""
        response.headers.update(COMMON)
        response.headers["Content-Security-Policy"] = content_security_policy(request.host, page.files)

    return add
