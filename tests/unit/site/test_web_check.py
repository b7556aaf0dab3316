"""What `steelyard check` says of the ways of clients to a server that does not do as it should (the real one: e2e)."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from components.settings.prosody import ProsodySettings, WebSettings
from components.site.web_check import find_web_problems
from tests.support.certificates import CertificateAuthority

DOMAIN = "metals.example"
META = "/.well-known/host-meta.json"
FEATURES = b"<?xml version='1.0'?><stream:stream><stream:features/></stream:features>"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("authority")
    return CertificateAuthority(root).issue(root / "certs", (DOMAIN, "web.metals.example"))


@asynccontextmanager
async def answering(
    certificates: Path, answer: Callable[[bytes], bytes], name: str = DOMAIN
) -> AsyncIterator[int]:
    """Serve TLS on a port: the first line that a client says is answered, and the connection is closed."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates / f"{name}.crt", certificates / f"{name}.key")
    tls.set_alpn_protocols(["xmpp-client"])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(await reader.read(4_096)))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


def settings(certificates: Path, **changes: Any) -> ProsodySettings:
    given: dict[str, Any] = {"domains": (DOMAIN,), "certificates": certificates, "folder": certificates}
    return ProsodySettings(**(given | changes))


def says(status: str, body: bytes = b"") -> bytes:
    return f"HTTP/1.1 {status}\r\nServer: x\r\n\r\n".encode() + body


def meta_of(web: WebSettings, **changes: str) -> bytes:
    origin = web.origin(DOMAIN)
    links = {
        "urn:xmpp:alt-connections:websocket": origin.replace("https", "wss") + web.websocket_path,
        "urn:xmpp:alt-connections:xbosh": origin + web.bosh_path,
    }
    told = [{"rel": rel, "href": href} for rel, href in (links | changes).items() if href]
    return json.dumps({"links": told}).encode()


async def web_problems(
    certificates: Path,
    answers: Mapping[str, bytes],
    *,
    name: str = DOMAIN,
    meta: bytes | None = None,
    **web: Any,
) -> list[str]:
    """Return what is told of a server that answers so, by path; all others, and host-meta, as they should be."""
    served: dict[str, bytes] = {}

    def answer(request: bytes) -> bytes:
        path = request.split(b" ", 2)[1].decode()
        return served.get(path, says("200 OK"))

    async with answering(certificates, answer, name) as port:
        table = WebSettings(port=port, **web)
        served |= {META: says("200 OK", meta_of(table) if meta is None else meta), **answers}
        return await find_web_problems(settings(certificates, web=table))


async def test_what_is_not_set_is_not_tried(certificates: Path) -> None:
    assert await find_web_problems(settings(certificates)) == []


@pytest.mark.slow
async def test_a_server_that_does_as_it_should(certificates: Path) -> None:
    assert await web_problems(certificates, {}) == []
    assert await web_problems(certificates, {}, public_port=443) == []


NO_META = f"has no {META} (answer {{}}); see prosody.log"
OTHERS = f"names other addresses in {META} than site.toml has; restart the site"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (says("404 Not Found"), NO_META.format(404)),
        (says("301 Moved"), NO_META.format(301)),
        (says("abc"), NO_META.format(0)),
        (
            b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
            NO_META.format(0),
        ),  # another server, which has no blank in its first line
        (b"\r\n\r\n", NO_META.format(0)),
        (says("200 OK", b"no JSON"), OTHERS),
        (says("200 OK", b"{}"), OTHERS),
        (says("200 OK", b"[1]"), OTHERS),
        (says("200 OK", b'{"links": [1]}'), OTHERS),
        (says("200 OK", b'{"links": [{"rel": [], "href": 1}]}'), OTHERS),
        (says("200 OK", b'{"links": []}'), OTHERS),
        (says("200 OK", b'{"a":' * 100_000), OTHERS),
        (b"HTTP/1.1 200 OK\r\n", "does not answer clients on port"),
        (b"", "does not answer clients on port"),
    ],
)
async def test_host_meta_that_clients_cannot_use(answer: bytes, problem: str, certificates: Path) -> None:
    (told,) = await web_problems(certificates, {META: answer})
    assert told.startswith(f"prosody.web: {DOMAIN} {problem}")


@pytest.mark.parametrize("rel", ["urn:xmpp:alt-connections:websocket", "urn:xmpp:alt-connections:xbosh"])
@pytest.mark.parametrize("href", ["", "wss://elsewhere.example/xmpp-websocket"])
async def test_an_address_that_is_missing_or_another_is_told(rel: str, href: str, certificates: Path) -> None:
    meta = meta_of(WebSettings(port=1), **{rel: href})
    assert await web_problems(certificates, {}, meta=meta) == [f"prosody.web: {DOMAIN} {OTHERS}"]


@pytest.mark.parametrize("path", ["/xmpp-websocket", "/http-bind"])
async def test_an_address_that_leads_nowhere_is_told(path: str, certificates: Path) -> None:
    assert await web_problems(certificates, {path: says("404 Not Found")}) == [
        f"prosody.web: {DOMAIN} has nothing at {path} (answer 404); see prosody.log"
    ]


@pytest.mark.parametrize(
    ("unset", "rel"),
    [
        ("websocket_path", "urn:xmpp:alt-connections:websocket"),
        ("bosh_path", "urn:xmpp:alt-connections:xbosh"),
    ],
)
async def test_a_way_that_is_not_set_is_neither_named_nor_tried(
    unset: str, rel: str, certificates: Path
) -> None:
    def answer(request: bytes) -> bytes:
        path = request.split(b" ", 2)[1].decode()
        if path == META:
            return says("200 OK", meta_of(table, **{rel: ""}))
        return says("200 OK" if path == (table.websocket_path or table.bosh_path) else "404 Not Found")

    async with answering(certificates, answer) as port:
        ways: dict[str, Any] = {unset: ""}
        table = WebSettings(port=port, **ways)
        assert await find_web_problems(settings(certificates, web=table)) == []


async def test_a_certificate_of_another_name_is_told(certificates: Path) -> None:
    (told,) = await web_problems(certificates, {}, name="web.metals.example")
    assert told.startswith(f"prosody.web: {DOMAIN} shows a certificate that ")


async def direct(certificates: Path, answer: bytes, name: str = DOMAIN) -> tuple[list[str], bytes]:
    """Return what is told of a server of direct TLS that answers so, and what it was asked."""
    asked = bytearray()

    def reply(request: bytes) -> bytes:
        asked.extend(request)
        return answer

    async with answering(certificates, reply, name) as port:
        return await find_web_problems(settings(certificates, direct_tls_port=port)), bytes(asked)


async def test_a_stream_that_begins_is_a_way_in(certificates: Path) -> None:
    problems, asked = await direct(certificates, FEATURES)
    assert problems == []
    assert f"to='{DOMAIN}'".encode() in asked


@pytest.mark.parametrize(
    "answer", [b"", b"<stream:stream>", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"x" * 100_000]
)
async def test_what_begins_no_stream_is_told(answer: bytes, certificates: Path) -> None:
    ((told,), _) = await direct(certificates, answer)
    assert told.startswith(f"prosody.direct_tls_port: {DOMAIN} does not answer clients on port ")


async def test_each_domain_is_tried_by_its_own_name(certificates: Path) -> None:
    async with answering(certificates, lambda _request: FEATURES) as port:
        found = await find_web_problems(
            settings(certificates, domains=(DOMAIN, "grain.example"), direct_tls_port=port)
        )
    (told,) = found
    assert told.startswith("prosody.direct_tls_port: grain.example shows a certificate that ")
