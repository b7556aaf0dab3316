"""Checks, as a client does, that `prosody.direct_tls_port` and the ways of `[prosody.web]` lead to the server."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from components.process.json_text import read_json
from components.settings.prosody import ProsodySettings, WebSettings
from components.site.certificate_check import explain_refusal, trusting
from components.site.probe import ANSWER_TIMEOUT_S, reachable_address

_HOST_META = "/.well-known/host-meta.json"


class _Fault(Exception):  # noqa: N818 - it is told, and goes no further
    """A fault of one way, in words that follow the name of a domain."""


async def find_web_problems(server: ProsodySettings) -> list[str]:
    """Connect to each domain in each of these ways; return a line for each way that a client could not use."""
    ways: list[tuple[str, Callable[[str], Awaitable[None]]]] = []
    if server.direct_tls_port:
        ways.append(("direct_tls_port", partial(_try_direct_tls, server)))
    if server.web:
        ways.append(("web", partial(_try_web, server.certificates, server.web)))
    problems = []
    for domain in server.domains:
        for setting, attempt in ways:
            try:
                await attempt(domain)
            except _Fault as fault:
                problems.append(f"prosody.{setting}: {domain} {fault}")
    return problems


async def _try_direct_tls(server: ProsodySettings, domain: str) -> None:
    """Open a stream as XEP-0368 defines it; raises _Fault."""
    async with _connect(
        server.address, server.direct_tls_port, server.certificates, domain, "xmpp-client"
    ) as (
        reader,
        writer,
    ):
        writer.write(
            f"<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' "
            "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>".encode()
        )
        await reader.readuntil(b"</stream:features>")
        writer.write(b"</stream:stream>")


async def _try_web(certificates: Path, web: WebSettings, domain: str) -> None:
    """Ask for host-meta (XEP-0156), and check that the addresses that it must name answer; raises _Fault."""
    status, body = await _fetch(certificates, web, domain, _HOST_META)
    if status != 200:
        raise _Fault(f"has no {_HOST_META} (answer {status}); see prosody.log")
    with contextlib.suppress(ValueError, KeyError, TypeError):
        if {link["rel"]: link["href"] for link in read_json(body)["links"]} == dict(_links(web, domain)):
            body = b""
    if body:
        raise _Fault(f"names other addresses in {_HOST_META} than site.toml has; restart the site")
    for path in filter(None, (web.websocket_path, web.bosh_path)):
        status, _ = await _fetch(certificates, web, web.host or domain, path)
        if status != 200:
            raise _Fault(f"has nothing at {path} (answer {status}); see prosody.log")


def _links(web: WebSettings, domain: str) -> Iterator[tuple[str, str]]:
    origin = web.origin(domain)
    if web.websocket_path:
        yield "urn:xmpp:alt-connections:websocket", origin.replace("https", "wss", 1) + web.websocket_path
    if web.bosh_path:
        yield "urn:xmpp:alt-connections:xbosh", origin + web.bosh_path


async def _fetch(certificates: Path, web: WebSettings, host: str, path: str) -> tuple[int, bytes]:
    """Return status and content of `https://host/path`, from the address where the site listens; raises _Fault."""
    async with _connect(web.address, web.port, certificates, host) as (reader, writer):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        # Something else than a web server may be there.
        _, status, *_ = (*head.split(b" ", 2), b"", b"")
        return int(status) if status.isdigit() else 0, await reader.read()


@asynccontextmanager
async def _connect(
    address: str, port: int, certificates: Path, name: str, protocol: str = ""
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect with TLS as a client of `name`; every error until the end of the context becomes a _Fault."""
    tls = trusting(certificates / "ca.crt")
    if protocol:
        tls.set_alpn_protocols([protocol])
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(
                reachable_address(address), port, ssl=tls, server_hostname=name
            )
            with contextlib.closing(writer):
                yield reader, writer
    except ssl.SSLCertVerificationError as err:
        raise _Fault(f"shows a certificate that {explain_refusal(err, certificates, name)}") from None
    except ssl.SSLError as err:
        raise _Fault(f"does not agree on TLS with clients on port {port}: {err.reason}") from None
    except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
        raise _Fault(f"does not answer clients on port {port}; see prosody.log") from None
