"""Clients as a browser's are: over WebSocket (RFC 7395) and BOSH (XEP-0124, XEP-0206), and with TLS from the start."""

import asyncio
import base64
import copy
import ssl
from collections import deque
from typing import Self

import aiohttp
from lxml import etree

from components.settings.prosody import WebSettings
from tests.support.process import PATIENCE_S
from tests.support.prosody import PASSWORD
from tests.support.stream import Element, Matcher, XmppStream, named, show

_CLIENT = "jabber:client"
_STREAM = "http://etherx.jabber.org/streams"
_FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"
_BOSH = "http://jabber.org/protocol/httpbind"
_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
_BIND = "urn:ietf:params:xml:ns:xmpp-bind"


class WebClient:
    """What both ways have in common: a session that is logged in, and what has arrived."""

    def __init__(self, web: WebSettings, domain: str, tls: ssl.SSLContext) -> None:
        self.domain = domain
        self.jid = ""
        self.unread: deque[Element] = deque()
        self.ended = asyncio.Event()
        self._web = web
        self._tls = tls
        self._http = aiohttp.ClientSession(headers={"Host": f"{domain}:{web.port}"})
        self._arrived = asyncio.Event()
        self._failure = ""

    @classmethod
    async def login(cls, web: WebSettings, jid: str, tls: ssl.SSLContext) -> Self:
        """Return a session that is bound to a full JID and online."""
        user, _, rest = jid.partition("@")
        domain, _, resource = rest.partition("/")
        client = cls(web, domain, tls)
        await client.open()
        await client.expect(named(_STREAM, "features"))
        credentials = base64.b64encode(f"\0{user}\0{PASSWORD}".encode()).decode()
        await client.send(f"<auth xmlns='{_SASL}' mechanism='PLAIN'>{credentials}</auth>")
        await client.expect(named(_SASL, "success"))
        await client.restart()
        await client.expect(named(_STREAM, "features"))
        bind = f"<bind xmlns='{_BIND}'><resource>{resource}</resource></bind>"
        await client.send(f"<iq xmlns='{_CLIENT}' type='set' id='bind'>{bind}</iq>")
        answer = await client.expect(named(_CLIENT, "iq"))
        client.jid = answer.findtext(f".//{{{_BIND}}}jid") or ""
        await client.send(f"<presence xmlns='{_CLIENT}'/>")
        await client.expect(lambda each: each.get("from") == client.jid)
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def open(self) -> None:
        """Open the stream."""
        raise NotImplementedError

    async def restart(self) -> None:
        """Open it anew, after the login (RFC 6120, 6.4.6)."""
        raise NotImplementedError

    async def send(self, xml: str) -> None:
        """Send one element."""
        raise NotImplementedError

    async def close(self) -> None:
        """End the session in order."""
        raise NotImplementedError

    async def expect(self, matches: Matcher) -> Element:
        """Return the first unread element that matches, waiting for it as long as tests wait."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    for element in self.unread:
                        if matches(element):
                            self.unread.remove(element)
                            return element
                    assert not self._failure, self._failure
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            came = "\n".join(map(show, self.unread)) or "nothing"
            raise AssertionError(f"{self.jid} waited {PATIENCE_S} s; what came:\n{came}") from None

    def _take_in(self, element: Element) -> None:
        self.unread.append(element)
        self._arrived.set()

    def _fail(self, failure: str) -> None:
        self._failure = failure
        self._arrived.set()

    def _url(self, path: str) -> str:
        return f"https://{self._web.address}:{self._web.port}{path}"


class WebSocketClient(WebClient):
    """Over WebSocket: each message is one element, with its own namespaces."""

    async def open(self) -> None:
        """Connect, and open the stream."""
        self._socket = await self._http.ws_connect(
            self._url(self._web.websocket_path),
            protocols=("xmpp",),
            ssl=self._tls,
            server_hostname=self.domain,
        )
        assert self._socket.protocol == "xmpp"
        self._reading = asyncio.create_task(self._read())
        await self.restart()

    async def restart(self) -> None:
        """Say where to; the server answers likewise."""
        await self.send(f"<open xmlns='{_FRAMING}' to='{self.domain}' version='1.0'/>")
        await self.expect(named(_FRAMING, "open"))

    async def send(self, xml: str) -> None:
        """Send one element as one message."""
        await self._socket.send_str(xml)

    async def close(self) -> None:
        """Say so, and wait for the server's word."""
        await self.send(f"<close xmlns='{_FRAMING}'/>")
        await self.ended.wait()

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()
        await self._reading
        await super().__aexit__()

    async def _read(self) -> None:
        async for each in self._socket:
            assert each.type is aiohttp.WSMsgType.TEXT, each
            self._take_in(etree.fromstring(each.data))
        self.ended.set()
        self._fail(f"the server closed the socket of {self.jid}: {self._socket.close_code}")


class BoshClient(WebClient):
    """Over BOSH: one request waits at the server, and what is said is another."""

    async def open(self) -> None:
        """Ask for a session (XEP-0124, 7)."""
        self._sid, self._rid = "", 1000
        self._requests: set[asyncio.Task[None]] = set()
        await self._ask(
            "",
            f"to='{self.domain}' wait='60' hold='1' ver='1.6' xmlns:xmpp='urn:xmpp:xbosh' xmpp:version='1.0'",
        )

    async def restart(self) -> None:
        """Ask for the stream to begin anew (XEP-0206, 5)."""
        self._begin("", f"to='{self.domain}' xmlns:xmpp='urn:xmpp:xbosh' xmpp:restart='true'")

    async def send(self, xml: str) -> None:
        """Send elements in a request of their own."""
        self._begin(xml)

    async def close(self) -> None:
        """End the session (XEP-0124, 13)."""
        self._begin("", "type='terminate'")
        await self.ended.wait()

    async def __aexit__(self, *_: object) -> None:
        for request in self._requests:
            request.cancel()
        await asyncio.gather(*self._requests, return_exceptions=True)
        await super().__aexit__()

    def _begin(self, payload: str, attributes: str = "") -> None:
        request = asyncio.create_task(self._ask(payload, attributes))
        self._requests.add(request)
        request.add_done_callback(self._requests.discard)

    async def _ask(self, payload: str, attributes: str = "") -> None:
        self._rid += 1
        sid = f"sid='{self._sid}' " if self._sid else ""
        body = f"<body xmlns='{_BOSH}' rid='{self._rid}' {sid}{attributes}>{payload}</body>"
        answer = await self._http.post(
            self._url(self._web.bosh_path), data=body.encode(), ssl=self._tls, server_hostname=self.domain
        )
        async with answer:
            text = await answer.read()
        if answer.status != 200:
            self._fail(f"the server answered a request of {self.jid} with {answer.status}")
            return
        self._take_answer(etree.fromstring(text))

    def _take_answer(self, body: Element) -> None:
        self._sid = body.get("sid") or self._sid
        for child in body:
            self._take_in(copy.deepcopy(child))
        if body.get("type") == "terminate":
            self.ended.set()
            self._fail(f"the server ended the session of {self.jid}: {show(body)}")
        elif len(self._requests) <= 1:
            self._begin("")  # one always waits at the server


class DirectTlsStream(XmppStream):
    """A stream that begins with TLS (XEP-0368)."""

    async def open(self) -> None:
        """Connect with TLS, and open the stream."""
        assert self._tls is not None
        self.ended, self.error = False, None
        self._disconnected.clear()
        self._transport, _ = await asyncio.get_running_loop().create_connection(
            lambda: self, *self.address, ssl=self._tls, server_hostname=self.domain
        )
        await self.restart()
