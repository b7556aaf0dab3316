"""Clients in browsers: what goes over WebSocket, BOSH or TLS from the start is held and recorded as all else is."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from lxml import etree

from components.settings.prosody import ProsodySettings, WebSettings
from components.site.web_check import find_web_problems
from tests.support.certificates import CertificateAuthority
from tests.support.line import Line
from tests.support.observer import read_log
from tests.support.ports import free_port
from tests.support.stream import Element, XmppStream, message
from tests.support.web import BoshClient, DirectTlsStream, WebClient, WebSocketClient

ALICE, BOB = "alice@metals.example/browser", "bob@metals.example/desk"
DOMAINS = ("metals.example", "rooms.metals.example", "chat.example")
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
ROOM = "desk@rooms.metals.example"


@dataclass(frozen=True)
class Scene:
    """A line that browsers reach, and what its clients trust."""

    line: Line
    web: WebSettings
    tls: ssl.SSLContext

    async def bob(self) -> XmppStream:
        """Log Bob in by the ordinary way."""
        bob = await XmppStream.login(self.line.prosody.address, BOB, tls=self.tls)
        await bob.come_online()
        return bob


@pytest.fixture
async def scene(
    tmp_path: Path, authority: CertificateAuthority, request: pytest.FixtureRequest
) -> AsyncIterator[Scene]:
    web = WebSettings.model_validate({"port": free_port(), **getattr(request, "param", {})})
    line = Line(
        tmp_path,
        [ALICE.partition("/")[0], BOB.partition("/")[0]],
        [ROOM],
        certificates=authority.issue(tmp_path / "certs", DOMAINS),
        web=web,
        direct_tls_port=free_port(),
    )
    line.prosody.befriend(*(jid.partition("/")[0] for jid in (ALICE, BOB)))
    async with line:
        yield Scene(line, web, authority.client_context())


@pytest.mark.parametrize("way", [WebSocketClient, BoshClient])
async def test_what_a_browser_says_and_is_told_is_recorded(scene: Scene, way: type[WebClient]) -> None:
    bob = await scene.bob()
    async with await way.login(scene.web, ALICE, scene.tls) as alice:
        for number in range(3):
            await alice.send(say(BOB, f"Bid {number}", id_=f"b{number}"))
            got = await bob.expect(message(f"Bid {number}", from_=ALICE))
            assert got.find("{urn:xmpp:sid:0}stanza-id[@by='gate.metals.example']") is not None
            bob.send(
                f"<message to='{ALICE}' type='chat' id='o{number}'><body>Offer {number}</body></message>"
            )
            await alice.expect(message(f"Offer {number}", from_=BOB))
        await alice.send(say("eve@elsewhere.example", "psst", id_="x1"))
        error = await alice.expect(lambda each: each.get("id") == "x1")
        assert error.get("type") == "error" and error.find(f".//{STANZAS}text") is not None
        await alice.close()
    await bob.expect(lambda each: each.get("type") == "unavailable" and each.get("from") == ALICE)
    recorded = (await read_log(scene.line.gate)).ids()
    assert {recorded[f"{letter}{number}"] for letter in "bo" for number in range(3)} == {1}
    assert recorded["x1"] == 1


def say(to: str, body: str, *, id_: str, type_: str = "chat") -> str:
    return f"<message xmlns='jabber:client' to='{to}' type='{type_}' id='{id_}'><body>{body}</body></message>"


@pytest.mark.parametrize("way", [WebSocketClient, BoshClient])
async def test_rooms_archives_and_many_answers_at_once(scene: Scene, way: type[WebClient]) -> None:
    """What comes while a request waits, and when none does, comes in order and whole."""
    bob = await scene.bob()
    async with await way.login(scene.web, ALICE, scene.tls) as alice:
        await alice.send(join("alice"))
        await alice.expect(is_in)
        form = "<x xmlns='jabber:x:data' type='submit'/>"
        unlock = f"<query xmlns='http://jabber.org/protocol/muc#owner'>{form}</query>"
        await alice.send(f"<iq xmlns='jabber:client' type='set' id='unlock' to='{ROOM}'>{unlock}</iq>")
        await alice.expect(lambda each: each.get("id") == "unlock" and each.get("type") == "result")
        bob.send(join("bob"))
        await bob.expect(is_in)
        bob.send(
            "".join(say(ROOM, f"Lot {number}", id_=f"l{number}", type_="groupchat") for number in range(60))
        )
        for number in range(60):
            await alice.expect(message(f"Lot {number}", from_=f"{ROOM}/bob"))
        await alice.send(
            "<iq xmlns='jabber:client' type='set' id='mam'><query xmlns='urn:xmpp:mam:2' queryid='q'/></iq>"
        )
        await alice.expect(lambda each: each.get("id") == "mam" and each.get("type") == "result")
        assert not alice.ended.is_set()


def join(nick: str) -> str:
    x = "<x xmlns='http://jabber.org/protocol/muc'/>"
    return f"<presence xmlns='jabber:client' to='{ROOM}/{nick}'>{x}</presence>"


def is_in(element: Element) -> bool:
    return element.find(".//{*}status[@code='110']") is not None


async def test_tls_from_the_start(scene: Scene) -> None:
    scene.tls.set_alpn_protocols(["xmpp-client"])
    address = (scene.line.prosody.plan.address, scene.line.prosody.plan.direct_tls_port)
    alice = await DirectTlsStream.login(address, ALICE, tls=scene.tls)
    await alice.come_online()
    bob = await scene.bob()
    alice.send(say(BOB, "Bid", id_="b1"))
    await bob.expect(message("Bid", from_=ALICE))
    await alice.close()
    assert (await read_log(scene.line.gate)).ids()["b1"] == 1


WAYS = {"websocket": "wss", "xbosh": "https"}


@pytest.mark.parametrize(
    ("scene", "host", "port", "links"),
    [
        ({}, "metals.example", None, {"websocket": "/xmpp-websocket", "xbosh": "/http-bind"}),
        (
            {"host": "chat.example", "public_port": 443},
            "chat.example",
            443,
            {"websocket": "/xmpp-websocket", "xbosh": "/http-bind"},
        ),
        ({"websocket_path": "/line/ws", "bosh_path": ""}, "metals.example", None, {"websocket": "/line/ws"}),
    ],
    indirect=["scene"],
)
async def test_host_meta_names_what_there_is(
    scene: Scene, host: str, port: int | None, links: dict[str, str]
) -> None:
    """XEP-0156, 3: in both forms, and for whoever comes from another site's page."""
    at = "" if port == 443 else f":{scene.web.port}"
    meant = {
        f"urn:xmpp:alt-connections:{name}": f"{WAYS[name]}://{host}{at}{path}" for name, path in links.items()
    }
    as_json, origin = await fetch(scene, "metals.example", "/.well-known/host-meta.json")
    assert origin in ("https://desk.example", "*")  # as older and newer versions of the server say it
    assert {link["rel"]: link["href"] for link in as_json["links"]} == meant
    as_xml, _ = await fetch(scene, "metals.example", "/.well-known/host-meta")
    xrd = "{http://docs.oasis-open.org/ns/xri/xrd-1.0}"
    assert {
        link.get("rel"): link.get("href") for link in etree.fromstring(as_xml).iter(f"{xrd}Link")
    } == meant
    for name, path in links.items():
        # Under the public name, too, with its own certificate.
        status = await probe(scene, host, path)
        assert status == 200, name


async def fetch(scene: Scene, host: str, path: str) -> tuple[Any, str]:
    url = f"https://{scene.web.address}:{scene.web.port}{path}"
    headers = {"Host": host, "Origin": "https://desk.example"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.get(url, ssl=scene.tls, server_hostname=host) as answer,
    ):
        assert answer.status == 200
        content = await answer.json() if path.endswith("json") else await answer.read()
        return content, answer.headers["Access-Control-Allow-Origin"]


async def probe(scene: Scene, host: str, path: str) -> int:
    url = f"https://{scene.web.address}:{scene.web.port}{path}"
    async with (
        aiohttp.ClientSession(headers={"Host": host}) as http,
        http.get(url, ssl=scene.tls, server_hostname=host) as answer,
    ):
        return answer.status


@pytest.mark.parametrize("scene", [{}, {"host": "chat.example"}], indirect=True)
async def test_check_connects_by_each_way(
    scene: Scene, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    plan = scene.line.prosody.plan

    def settings(**changes: object) -> ProsodySettings:
        own: dict[str, Any] = {
            "address": plan.address,
            "domains": plan.domains,
            "certificates": tmp_path / "certs",
            "direct_tls_port": plan.direct_tls_port,
            "web": scene.web,
        }
        return ProsodySettings.model_construct(**(own | changes))

    assert await find_web_problems(settings()) == []
    dead = free_port()
    elsewhere = scene.web.model_copy(update={"port": dead})
    assert await find_web_problems(settings(direct_tls_port=dead, web=elsewhere)) == [
        f"prosody.direct_tls_port: metals.example does not answer clients on port {dead}; see prosody.log",
        f"prosody.web: metals.example does not answer clients on port {dead}; see prosody.log",
    ]
    # What site.toml has is not what runs.
    (problem,) = await find_web_problems(settings(web=scene.web.model_copy(update={"bosh_path": "/other"})))
    assert problem == (
        "prosody.web: metals.example names other addresses in /.well-known/host-meta.json than site.toml has; "
        "restart the site"
    )
    strangers = CertificateAuthority(tmp_path_factory.mktemp("strangers")).issue(tmp_path / "others", DOMAINS)
    problems = await find_web_problems(settings(certificates=strangers))
    assert len(problems) == 2 and all("comes from an authority that neither" in each for each in problems)
    problems = await find_web_problems(settings(domains=("grain.example",)))
    assert [each.partition(": ")[0] for each in problems] == ["prosody.direct_tls_port", "prosody.web"]
