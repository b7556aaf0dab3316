"""Carries a browser's WebSocket on to the site's own, over TLS (RFC 7395).

The site takes browsers over HTTPS alone (docs/decisions/0140), with a certificate of its own authority. A browser
that does not trust it refuses the WebSocket without a word, and offers nobody to go on.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import WSMsgType, web

from components.settings.prosody import ProsodySettings, WebSettings
from components.site.certificate_check import trusting
from components.site.probe import ANSWER_TIMEOUT_S, reachable_address

PROTOCOL = "xmpp"
# The server's own limits on stanzas are below.
_MESSAGE_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LineAddress:
    """Where the site's WebSocket is: its URL, the host that it is asked as, and what its certificate comes from."""

    url: str
    host: str
    tls: ssl.SSLContext = field(repr=False)


def find_line(server: ProsodySettings, web_settings: WebSettings) -> LineAddress:
    """Return the address of a site's WebSocket, on this machine."""
    address = reachable_address(web_settings.address)
    at = f"[{address}]" if ":" in address else address
    host = web_settings.host or server.domains[0]
    url = f"https://{at}:{web_settings.port}{web_settings.websocket_path}"
    return LineAddress(url, host, trusting(server.certificates / "ca.crt"))


class Relay:
    """Every WebSocket that is being carried on, so that all can be closed."""

    def __init__(self, line: LineAddress) -> None:
        self._line = line
        self._browsers: set[web.WebSocketResponse] = set()

    async def carry(self, request: web.Request) -> web.StreamResponse:
        """Join a browser's WebSocket with one to the server, until either closes; 502 if the server does not answer."""
        browser = web.WebSocketResponse(protocols=(PROTOCOL,), max_msg_size=_MESSAGE_MAX_BYTES)
        try:
            async with self._connect() as server:
                await browser.prepare(request)
                self._browsers.add(browser)
                await _join(browser, server)
        except (aiohttp.ClientError, TimeoutError, OSError):
            if not browser.prepared:
                raise web.HTTPBadGateway(text="the server of the line does not answer") from None
        finally:
            self._browsers.discard(browser)
        return browser

    async def close(self, _app: web.Application | None = None) -> None:
        """Close all of them."""
        await asyncio.gather(*(browser.close() for browser in self._browsers))

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        line = self._line
        async with aiohttp.ClientSession(headers={"Host": line.host}) as http:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                server = await http.ws_connect(
                    line.url,
                    protocols=(PROTOCOL,),
                    ssl=line.tls,
                    server_hostname=line.host,
                    max_msg_size=_MESSAGE_MAX_BYTES,
                )
            async with server:
                yield server


_Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


async def _join(browser: _Socket, server: _Socket) -> None:
    """Carry texts both ways until one of the two is closed; then close the other."""
    ways = [asyncio.create_task(_copy(*way)) for way in ((browser, server), (server, browser))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        await browser.close()


async def _copy(source: _Socket, target: _Socket) -> None:
    with contextlib.suppress(ConnectionError):
        async for message in source:
            if message.type is not WSMsgType.TEXT:
                return
            await target.send_str(message.data)
