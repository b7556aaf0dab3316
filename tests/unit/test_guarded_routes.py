"""Every address of every HTTP server refuses who shows no credential, unless it is named here, with why it is open.

Routes are read from the servers' own routers, so a new one is tried without being named. A new server fails until it is
told here how it is tried, or why all of it is open.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

import components
from components.audit.console.app import ROUTES
from components.directory.scim.provider import Provider
from components.directory.scim.server import ScimServer
from components.feed.requests import Requests
from components.feed.server import FeedServer
from components.settings.directory import ScimSource
from components.site.chat.headers import NAMES
from components.site.chat.page import ChatPage, make_app
from components.site.chat.people import Account, Firm
from policy.directory.enterprise import Role
from tests.support.console_site import ORIGIN, make_console_site, open_console
from tests.support.machines import make_fed_site
from tests.support.typed import require

pytestmark = pytest.mark.slow

ROOT = Path(require(components.__file__)).parent
TRIED = ("audit/console/app.py", "directory/scim/server.py", "feed/server.py", "site/chat/page.py")
OPEN_SERVERS = {
    "process/metrics.py": "on the loopback address alone; a figure says nothing of anybody",
    "tiles/server.py": "a log's checkpoints and tiles are public and signed; what was said is not in them",
    "witness/server.py": "a checkpoint counts by its own signatures, and a cosigned one is public",
    "transfer/server.py": "a link is the credential: tests/unit/transfer tries those that are forged, old or another's",
}
OPEN_OF_CONSOLE = {f"{route.method} {route.path}": "before a login" for route in ROUTES if route.is_public}
OPEN_OF_CHAT = {  # on the loopback address
    "GET /": "names the people of a demonstration",
    "GET /as/{jid}": "a page without a password",
    "GET /static/{name}": "scripts and styles",
    "GET /converse": "a program that anybody can get",
}
# What a path's parts are, where it is not just any word.
PARTS = {
    "enterprise": "metals", "kind": "Users", "list": "Schemas", "rest": "Me", "log": "gate", "number": "1",
    "record": "1", "jid": "alice@metals.example", "digest": "0" * 64,
}  # fmt: skip


def fill(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: PARTS.get(found[1], "1"), path)


@asynccontextmanager
async def serve(
    app: web.Application, host: str = ""
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    server = TestServer(app)
    async with TestClient(server) as client:
        if host:
            client.session.headers["Host"] = f"{host}:{server.port}"
        yield client


async def ask_all(
    client: TestClient[web.Request, web.Application],
    app: web.Application,
    headers: Mapping[str, str],
    but_open: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Ask for each route that is not open, and return what the answers were, by the routes."""
    told = {}
    for route in app.router.routes():
        path = require(route.resource).canonical
        if route.method == "HEAD" or f"{route.method} {path}" in but_open:
            continue  # as GET
        method = "POST" if route.method == "*" else route.method
        answer = await client.request(method, fill(path), headers=headers, allow_redirects=False)
        told[f"{route.method} {path}"] = f"{answer.status} {answer.headers.get('Location', '')}".strip()
    return told


def test_every_server_is_tried_here_or_is_open_for_a_reason() -> None:
    serving = {
        str(file.relative_to(ROOT)) for file in ROOT.rglob("*.py") if "web.Application(" in file.read_text()
    }
    assert serving == {*TRIED, *OPEN_SERVERS}


async def test_the_console(tmp_path: Path) -> None:
    async with open_console(await make_console_site(tmp_path)) as visitor:
        app = require(visitor.client.app)
        for cookie in ("", "__Host-session=" + "0" * 43):
            told = await ask_all(
                visitor.client,
                app,
                {"Host": ORIGIN.removeprefix("https://"), "Cookie": cookie},
                OPEN_OF_CONSOLE,
            )
            assert len(told) == sum(not route.is_public for route in ROUTES)
            # A form is refused as one of another page before it is asked whose it is.
            assert {*told.values()} <= {"303 /login", "403"}


async def test_the_feed(tmp_path: Path) -> None:
    """Without TLS there is no certificate to show: nobody gets anything, by whatever way it came to that."""
    fed = await make_fed_site(tmp_path)
    server = FeedServer(fed.site, Requests({}, {}))
    app = server.application()
    async with serve(app) as client:
        told = await ask_all(client, app, {})
        assert (await client.get("/nothing")).status == 403
    await server.close()
    assert len(told) == 9
    assert {*told.values()} == {"403"}


@pytest.mark.parametrize(
    "shown", ["", "Bearer", "Bearer wrong", "Basic bWV0YWxzOnRva2Vu", "token of the firm"]
)
async def test_people_that_are_pushed(tmp_path: Path, shown: str) -> None:
    (tmp_path / "token").write_text("token of the firm, long enough\n")
    source = ScimSource(
        enterprise="metals",
        token_file=tmp_path / "token",
        state=tmp_path / "scim.json",
        domain="metals.example",
        default_roles=(Role.TRADER,),
    )
    app = ScimServer({"metals": Provider(source, str, lambda: None)}).application()
    async with serve(app) as client:
        told = await ask_all(client, app, {"Authorization": shown})
        assert (await client.get("/nothing", headers={"Authorization": shown})).status == 401
    assert len(told) == 11
    assert {*told.values()} == {"401"}
    assert not source.state.exists()


async def test_the_page_of_a_demonstration_tells_a_password_to_nobody(tmp_path: Path) -> None:
    account = Account("alice@metals.example", "Alice", "trader", "her-password")
    app = make_app(ChatPage(firms=(Firm("Metals", (account,)),), converse=tmp_path, key="k" * 43, files=""))
    async with serve(app, NAMES[0]) as client:
        told = await ask_all(client, app, {}, OPEN_OF_CHAT)
        for path in ("/", "/as/alice@metals.example"):
            assert account.password not in await (await client.get(path)).text()
    assert told == {"POST /as/{jid}/password": "403"}
