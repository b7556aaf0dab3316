"""The chat page's server: whom it names, to whom it tells a password, what it refuses, and the way to the line."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer

from components.audit.console.headers import COMMON
from components.process.errors import SiteError
from components.process.http import serve_http
from components.settings.prosody import ProsodySettings, WebSettings
from components.site.chat.headers import NAMES, content_security_policy
from components.site.chat.page import SOCKET_PATH, ChatPage, make_app
from components.site.chat.people import Account, Firm, list_firms
from components.site.chat.relay import Relay, find_line
from components.site.chat.serve import CONVERSE, converse_folder, plan_page, serve_chat
from components.site.init import init_site, load_passwords
from policy.directory.directory import parse_directory
from tests.support.certificates import CertificateAuthority
from tests.support.ports import free_port
from tests.support.process import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]
KEY = "k" * 43
ALICE = Account("alice@metals.example", "Alice <i>Arden</i>", "trader", "a-password")
GEORGE = Account("george@grain.example", "George", "trader", "another-password")
FIRMS = (Firm("Metals", (ALICE,)), Firm("Grain", (GEORGE,)))
FILES = "https://localhost:5281/f/"


@pytest.fixture
def converse(tmp_path: Path) -> Path:
    folder = tmp_path / "converse"
    folder.mkdir()
    (folder / "converse.min.js").write_text("export default 1;")
    return folder


@asynccontextmanager
async def serving(page: ChatPage, name: str = NAMES[0]) -> AsyncIterator[TestClient[Any, Any]]:
    """Serve a page, and give a client that calls it by a name."""
    server = TestServer(make_app(page))
    async with TestClient(server) as client:
        client.session.headers["Host"] = f"{name}:{server.port}"
        yield client


def planned(converse: Path, **changes: Any) -> ChatPage:
    return ChatPage(**{"firms": FIRMS, "converse": converse, "key": KEY, "files": FILES, **changes})


@pytest.mark.parametrize("name", NAMES)
async def test_it_lists_people_and_tells_nobody_a_password(converse: Path, name: str) -> None:
    page = planned(converse, console="https://localhost:8443")
    async with serving(page, name) as client:
        for path in ("/", f"/as/{ALICE.jid}"):
            answer = await client.get(path)
            text = await answer.text()
            assert answer.status == 200
            assert "Alice &lt;i&gt;Arden&lt;/i&gt;" in text and 'href="https://localhost:8443"' in text
            assert "password" not in text and KEY not in text
        chat = await (await client.get(f"/as/{ALICE.jid}")).text()
        assert f'data-jid="{GEORGE.jid}"' in chat, "somebody of the other firm to try"
        assert (await client.get("/as/mallory@metals.example")).status == 404
        assert (await client.get("/converse/converse.min.js")).status == 200
    assert "password" not in repr(page) and KEY not in repr(page)


@pytest.mark.parametrize(
    "told", ["", "Bearer ", f"Bearer {KEY[1:]}", f"Bearer {KEY}x", f"Basic {KEY}", "Bearer \u00e9"]
)
async def test_a_password_needs_the_key_of_the_link(converse: Path, told: str) -> None:
    async with serving(planned(converse)) as client:
        path = f"/as/{ALICE.jid}/password"
        refused = await client.post(path, headers={"Authorization": told})
        assert refused.status == 403 and ALICE.password not in await refused.text()
        given = await client.post(path, headers={"Authorization": f"Bearer {KEY}"})
        assert (given.status, await given.text()) == (200, ALICE.password)
        assert (await client.get(path, headers={"Authorization": f"Bearer {KEY}"})).status == 405
        nobody = await client.post("/as/x@y.example/password", headers={"Authorization": f"Bearer {KEY}"})
        assert nobody.status == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost:{port}"}, 421),
        ({"Host": "chat.localhost"}, 421),
        ({"Host": "chat.localhost:1"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:{port}"}, 403),
        ({"Origin": "http://chat.localhost:{port}"}, 200),
    ],
)
async def test_other_names_and_other_pages_are_refused(
    converse: Path, headers: dict[str, str], status: int
) -> None:
    """A page elsewhere may have its name lead here (DNS rebinding)."""
    async with serving(planned(converse)) as client:
        sent = {name: value.format(port=client.port) for name, value in headers.items()}
        for method, path in (("GET", "/"), ("POST", f"/as/{ALICE.jid}/password")):
            answer = await client.request(method, path, headers={"Authorization": f"Bearer {KEY}"} | sent)
            assert answer.status == status
            assert (ALICE.password in await answer.text()) == (status == 200 and method == "POST")


@pytest.mark.parametrize(
    "path", ["/", "/static/chat.js", "/converse/converse.min.js", "/missing", "/static/x"]
)
async def test_every_answer_has_the_headers(converse: Path, path: str) -> None:
    async with serving(planned(converse)) as client:
        answer = await client.get(path)
        assert answer.headers.getall("Content-Security-Policy") == [
            content_security_policy(f"chat.localhost:{client.port}", FILES)
        ]
        for name in ("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy"):
            assert answer.headers.getall(name) == [COMMON[name]]
        # The console alone is reached by TLS.
        assert "Strict-Transport-Security" not in answer.headers
        assert "Set-Cookie" not in answer.headers


def test_the_policy_lets_no_script_run_but_its_own_files() -> None:
    policy = dict(
        part.split(" ", 1) for part in content_security_policy("chat.localhost:7", FILES).split("; ")
    )
    assert policy["default-src"] == "'none'" and policy["script-src"] == "'self'"
    assert policy["connect-src"] == f"'self' ws://chat.localhost:7 {FILES}"
    assert not any("unsafe-eval" in value or "*" in value for value in policy.values())
    assert [name for name, value in policy.items() if "unsafe" in value] == ["style-src"]
    without = content_security_policy("chat.localhost:7", "")
    assert "https:" not in without and "  " not in without


def test_pages_have_no_inline_script() -> None:
    folder = ROOT / "components" / "site" / "chat" / "templates"
    for template in folder.glob("*.html"):
        text = template.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|\bon[a-z]+=|javascript:", text), template
        for address in re.findall(r'(?:src|href)="([^"]*)"', text):
            assert address.startswith(("/", "{{ page.console", "#", "data:,")), address


async def test_without_converse_it_says_so_and_nobody_chats(tmp_path: Path) -> None:
    settings = init_site(tmp_path / "site.toml", demo=True).settings
    page = plan_page(settings, tmp_path / "gone", KEY)
    assert page.fault == (
        f"Converse.js is not installed (there is no {tmp_path / 'gone'}); `make setup` does it, with npm"
    )
    async with serving(page) as client:
        for path in ("/", f"/as/{ALICE.jid}"):
            answer = await client.get(path)
            assert answer.status == 503
            assert "Converse.js is not installed" in await answer.text()
        for path in (SOCKET_PATH, "/converse/converse.min.js"):
            assert (await client.get(path)).status == 404


@pytest.mark.parametrize("change", [("[prosody.web]", "[prosody.web]\nwebsocket_path = ''"), None])
async def test_a_server_without_websocket_is_told(
    tmp_path: Path, converse: Path, change: tuple[str, str] | None
) -> None:
    site = tmp_path / "site.toml"
    init_site(site, demo=True)
    text = site.read_text()
    web_table = re.search(r"\[prosody\.web\].*\nport = \d+\n", text)
    assert web_table
    changed = web_table[0] + "websocket_path = ''\n" if change else ""
    site.write_text(text.replace(web_table[0], changed))
    page = plan_page(init_site(site, demo=True).settings, converse, KEY)
    assert page.fault.startswith("the server takes no browsers: site.toml has no [prosody.web]")
    assert page.relay is None


def test_a_demonstration_has_everybody_on_its_page(tmp_path: Path, converse: Path) -> None:
    settings = init_site(tmp_path / "site.toml", demo=True).settings
    page = plan_page(settings, converse, KEY)
    assert page.fault == "" and page.relay is not None
    assert {jid: account.password for jid, account in page.accounts.items()} == load_passwords(settings)
    metals, grain = page.firms
    assert (metals.name, grain.name) == ("Metals Trading AG", "Grain Brothers Ltd")
    assert [each.jid for each in metals.accounts[:3]] == [
        f"{name}@metals.example" for name in ("alice", "bob", "carol")
    ]
    assert metals.accounts[0].work == "trader, Base metals"
    assert page.find_stranger(metals.accounts[0]) == grain.accounts[0]
    assert page.files == settings.own_links and page.console.startswith("https://localhost:")


async def test_only_a_demonstration_can_have_it(tmp_path: Path) -> None:
    settings = init_site(tmp_path / "site.toml").settings
    with pytest.raises(SiteError, match="is no demonstration"):
        async with serve_chat(settings):
            pass


def test_nothing_in_a_sites_settings_turns_it_on() -> None:
    """`steelyard up` serves it with `--demo` alone."""
    up = (ROOT / "components" / "site" / "up.py").read_text()
    assert re.findall(r"\n +if demo:\n +chat = await [\w.]+\(serve_chat\(settings\)\)", up)
    assert up.count("serve_chat(") == 1
    for file in (ROOT / "components" / "settings").glob("*.py"):
        assert "chat" not in file.read_text().lower(), file


def test_who_has_no_password_is_not_listed() -> None:
    directory = parse_directory((ROOT / "config" / "examples" / "directory.toml").read_text())
    (firm,) = list_firms(directory, {"bob@metals.example": "secret"})
    assert [(each.jid, each.name) for each in firm.accounts] == [("bob@metals.example", "Bob Baker")]
    assert list_firms(directory, {}) == ()


async def test_the_link_ends_with_a_key_of_its_own(tmp_path: Path) -> None:
    settings = init_site(tmp_path / "site.toml", demo=True).settings
    keys = set()
    for _ in range(2):
        async with serve_chat(settings) as chat, aiohttp.ClientSession() as http:
            address, _, key = chat.link.partition("#")
            keys.add(key)
            found = re.fullmatch(r"http://chat\.localhost:(\d+)/", address)
            assert found and len(key) == 43
            async with http.get(
                f"http://127.0.0.1:{found[1]}/", headers={"Host": f"chat.localhost:{found[1]}"}
            ) as answer:
                assert answer.status == (503 if chat.fault else 200)
    assert len(keys) == 2


def test_setup_installs_the_version_that_is_looked_for() -> None:
    name, _, version = CONVERSE.rpartition("-")
    assert f"converse=({name} {version} " in (ROOT / ".ci" / "setup").read_text()
    assert converse_folder().name == CONVERSE


@asynccontextmanager
async def scripted_line(
    tmp_path: Path, authority: CertificateAuthority, *, trusted: bool = True
) -> AsyncIterator[tuple[ChatPage, list[str], asyncio.Event]]:
    """Serve a WebSocket as the server does, which answers each text; gives a page that leads to it, which host was
    asked for, and whether it has ended."""
    certificates = authority.issue(tmp_path / "certs", ["metals.example"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates / "metals.example.crt", certificates / "metals.example.key")
    hosts: list[str] = []
    ended = asyncio.Event()

    async def answer(request: web.Request) -> web.WebSocketResponse:
        hosts.append(request.host)
        socket = web.WebSocketResponse(protocols=("xmpp",))
        await socket.prepare(request)
        async for message in socket:
            if message.data == "end":
                break
            await socket.send_str(f"<got>{message.data}</got>")
        ended.set()
        return socket

    app = web.Application()
    app.router.add_get("/ws", answer)
    port = free_port()
    if not trusted:
        certificates = CertificateAuthority(tmp_path / "others").issue(
            tmp_path / "theirs", ["metals.example"]
        )
    server = ProsodySettings.model_construct(domains=("metals.example",), certificates=certificates)
    relay = Relay(find_line(server, WebSettings(port=port, websocket_path="/ws")))
    async with serve_http(app, "127.0.0.1", port, tls):
        yield planned(tmp_path, relay=relay), hosts, ended


async def test_the_way_to_the_line_goes_both_ways(tmp_path: Path, authority: CertificateAuthority) -> None:
    async with scripted_line(tmp_path, authority) as (page, hosts, ended), serving(page) as client:
        async with client.ws_connect(SOCKET_PATH, protocols=("xmpp",)) as socket:
            assert socket.protocol == "xmpp"
            for text in ("<open/>", "<a>\u00fc\u2028</a>", "x" * 300_000):
                await socket.send_str(text)
                assert await socket.receive_str() == f"<got>{text}</got>"
        await asyncio.wait_for(ended.wait(), PATIENCE_S)
        assert hosts == ["metals.example"], "asked by the server's own name"


@pytest.mark.parametrize("end", ["by the server", "by the page's own end", "by a message that is too large"])
async def test_when_one_side_ends_so_does_the_other(
    tmp_path: Path, authority: CertificateAuthority, end: str
) -> None:
    async with scripted_line(tmp_path, authority) as (page, _, ended), serving(page) as client:
        socket = await client.ws_connect(SOCKET_PATH, protocols=("xmpp",))
        await socket.send_str("<open/>")
        await socket.receive_str()
        if end == "by the server":
            await socket.send_str("end")
        elif end == "by the page's own end":
            assert page.relay
            await page.relay.close()
        else:
            await socket.send_str("x" * (1024 * 1024 + 1))
        assert (await socket.receive(PATIENCE_S)).type is WSMsgType.CLOSE
        await asyncio.wait_for(ended.wait(), PATIENCE_S)


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_line_that_does_not_answer_is_502(
    tmp_path: Path, authority: CertificateAuthority, *, trusted: bool
) -> None:
    """Or one with a certificate of somebody else's: the password is not sent there."""
    async with scripted_line(tmp_path, authority, trusted=trusted) as (page, hosts, _):
        relay = page.relay if not trusted else _relay_to(tmp_path, free_port())
        async with serving(planned(tmp_path, relay=relay)) as client:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client.ws_connect(SOCKET_PATH, protocols=("xmpp",))
            assert refused.value.status == 502
        assert hosts == []


def _relay_to(tmp_path: Path, port: int) -> Relay:
    certificates = tmp_path / "certs"
    server = ProsodySettings.model_construct(domains=("metals.example",), certificates=certificates)
    return Relay(find_line(server, WebSettings(port=port)))


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:80"])
async def test_another_pages_socket_is_refused(
    tmp_path: Path, authority: CertificateAuthority, origin: str
) -> None:
    async with scripted_line(tmp_path, authority) as (page, hosts, _), serving(page) as client:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(SOCKET_PATH, origin=origin)
        assert refused.value.status == 403
    assert hosts == []


@pytest.mark.parametrize(
    ("address", "host", "url"),
    [
        ("127.0.0.1", None, "https://127.0.0.1:5281/xmpp-websocket"),
        ("0.0.0.0", "chat.example", "https://127.0.0.1:5281/xmpp-websocket"),
        ("::", None, "https://[::1]:5281/xmpp-websocket"),
    ],
)
def test_where_the_line_is(
    authority: CertificateAuthority, tmp_path: Path, address: str, host: str | None, url: str
) -> None:
    certificates = authority.issue(tmp_path, ["metals.example"])
    server = ProsodySettings.model_construct(domains=("metals.example",), certificates=certificates)
    line = find_line(server, WebSettings(address=address, port=5281, host=host))
    assert (line.url, line.host) == (url, host or "metals.example")
