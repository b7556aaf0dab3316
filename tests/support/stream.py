"""A small raw XMPP client: it sends what it is told, byte for byte, and keeps whatever arrives."""

import asyncio
import base64
import itertools
import os
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Self
from xml.sax.saxutils import quoteattr

from lxml import etree

from tests.support.process import PATIENCE_S
from tests.support.prosody import PASSWORD
from tests.support.stream_reader import StreamReader

Element = etree._Element
Matcher = Callable[[Element], bool]

_CLIENT = "jabber:client"
_STREAM = "http://etherx.jabber.org/streams"
_TLS = "urn:ietf:params:xml:ns:xmpp-tls"
_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
_BIND = "urn:ietf:params:xml:ns:xmpp-bind"
_MANAGEMENT = "urn:xmpp:sm:3"
_STANZAS = frozenset(f"{{{_CLIENT}}}{name}" for name in ("message", "presence", "iq"))


class StreamEndedError(AssertionError):
    """The stream ended while something was still awaited; the message has the server's stream error."""


class XmppStream(asyncio.Protocol):
    """One client's stream, RFC 6120, resumable by XEP-0198.

    `received` has every stanza ever received, in order; `unread` those that no `expect` or `take` has taken.
    `acknowledgements` has each number of handled stanzas that the server told, by `<a/>` or `<resumed/>`. With
    `acknowledges` off, what arrives counts as never handled: a resumption brings it again.
    """

    def __init__(self, address: tuple[str, int], domain: str, *, tls: ssl.SSLContext | None = None) -> None:
        self.address = address
        self.domain = domain
        self.jid = ""
        self.received: list[Element] = []
        self.unread: deque[Element] = deque()
        self.ended = True
        self.error: Element | None = None
        self.acknowledges = True
        self.acknowledgements: list[int] = []
        self._tls = tls
        self._password = ""
        self._ids = (f"s{number}" for number in itertools.count(1))
        self._arrived = asyncio.Event()
        self._disconnected = asyncio.Event()
        self._transport: asyncio.Transport
        self._reader = StreamReader()
        self._resumption_id = ""
        self._counts_sent = False
        self._unacknowledged: deque[bytes] = deque()
        self._acknowledged = 0
        self._counts_received = False
        self._handled = 0

    @classmethod
    async def login(
        cls,
        address: tuple[str, int],
        jid: str,
        *,
        password: str = PASSWORD,
        tls: ssl.SSLContext | None = None,
    ) -> Self:
        """Return the stream of a bound session; a `jid` without a resource lets the server choose one."""
        bare_jid, _, resource = jid.partition("/")
        stream = cls(address, bare_jid.partition("@")[2], tls=tls)
        await stream.open()
        await stream.authenticate(bare_jid.partition("@")[0], password)
        await stream.bind(resource)
        return stream

    async def open(self) -> None:
        """Connect and open the stream, with STARTTLS if there is a TLS context."""
        loop = asyncio.get_running_loop()
        self.ended, self.error = False, None
        self._disconnected.clear()
        self._reader = StreamReader()
        self._transport, _ = await loop.create_connection(lambda: self, *self.address)
        await self.restart()
        if self._tls:
            self.send(f"<starttls xmlns='{_TLS}'/>")
            await self.expect(named(_TLS, "proceed"))
            encrypted = await loop.start_tls(self._transport, self, self._tls, server_hostname=self.domain)
            assert encrypted is not None
            self._transport = encrypted
            await self.restart()

    async def restart(self) -> Element:
        """Send a stream header and return the features that the server answers with."""
        namespaces = f"xmlns='{_CLIENT}' xmlns:stream='{_STREAM}'"
        self.send(f"<stream:stream {namespaces} version='1.0' to='{self.domain}'>")
        return await self.expect(named(_STREAM, "features"))

    async def authenticate(self, user: str, password: str = PASSWORD) -> None:
        """Log in by SASL PLAIN (RFC 4616)."""
        self.jid, self._password = f"{user}@{self.domain}", password
        credentials = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        self.send(f"<auth xmlns='{_SASL}' mechanism='PLAIN'>{credentials}</auth>")
        answer = await self.expect(lambda element: element.tag.startswith(f"{{{_SASL}}}"))
        assert answer.tag == f"{{{_SASL}}}success", etree.tostring(answer)
        await self.restart()

    async def bind(self, resource: str = "") -> None:
        """Bind a resource (RFC 6120, 7)."""
        wish = f"<resource>{resource}</resource>" if resource else ""
        answer = await self.request("set", f"<bind xmlns='{_BIND}'>{wish}</bind>")
        self.jid = answer.findtext(f".//{{{_BIND}}}jid") or ""
        assert self.jid, etree.tostring(answer)

    async def come_online(self, presence: str = "<presence/>") -> None:
        """Become available; again where a line that waits for nothing long was too busy to record it in time."""
        answer, own = None, (self.jid.partition("/")[0], self.domain)
        while answer is None or answer.get("type") == "error":
            self.send(presence)
            answer = await self.expect(
                lambda each: (
                    each.tag == f"{{{_CLIENT}}}presence"
                    and (
                        each.get("from") == self.jid
                        or (each.get("type") == "error" and each.get("from", own[0]).partition("/")[0] in own)
                    )
                )
            )

    def send(self, xml: str | bytes) -> None:
        """Send this as it is, well-formed or not; on a managed stream it must be whole stanzas."""
        data = xml.encode() if isinstance(xml, str) else xml
        if self._counts_sent:
            self._unacknowledged += _split_stanzas(data)
        self._transport.write(data)

    async def request(self, type_: str, payload: str, *, to: str = "") -> Element:
        """Send an IQ and return its answer, be it a result or an error."""
        id_ = next(self._ids)
        address = f" to={quoteattr(to)}" if to else ""
        self.send(f"<iq type='{type_}' id='{id_}'{address}>{payload}</iq>")
        is_answer = named(_CLIENT, "iq")
        return await self.expect(
            lambda e: is_answer(e) and e.get("id") == id_ and e.get("type") in ("result", "error")
        )

    async def ping(self) -> None:
        """Ping the server (XEP-0199): what it sent this client, or took from it, before is now done."""
        await self.request("get", "<ping xmlns='urn:xmpp:ping'/>", to=self.domain)

    async def expect(self, matches: Matcher) -> Element:
        """Take the first unread element that matches, now or when it comes; the others stay unread.

        Raises `StreamEndedError`, or an `AssertionError` that shows what came instead.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    for element in self.unread:
                        if matches(element):
                            self.unread.remove(element)
                            return element
                    self._require_open()
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            came = "\n".join(map(show, self.unread)) or "nothing"
            raise AssertionError(f"{self.jid} waited {PATIENCE_S} s; what came:\n{came}") from None

    async def take(self) -> Element:
        """Take the oldest unread element."""
        return await self.expect(lambda _: True)

    async def enable_resumption(self, within: str = "") -> None:
        """Have the server keep this session when the connection breaks (XEP-0198, section 3), for so many seconds."""
        limit = f" max='{within}'" if within else ""
        self.send(f"<enable xmlns='{_MANAGEMENT}' resume='true'{limit}/>")
        self._counts_sent, self._acknowledged, self._handled = True, 0, 0
        enabled = await self.expect(named(_MANAGEMENT, "enabled"))
        self._resumption_id = enabled.get("id") or ""
        assert self._resumption_id, "the server does not offer to resume sessions"

    async def expect_acknowledged(self, handled: int, *, asks: bool = True) -> None:
        """Ask how many stanzas the server has handled, and wait until the newest answer says so many."""
        if asks:
            self.send(f"<r xmlns='{_MANAGEMENT}'/>")
        try:
            async with asyncio.timeout(PATIENCE_S):
                while self.acknowledgements[-1:] != [handled]:
                    self._require_open()
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            told = self.acknowledgements
            raise AssertionError(f"{self.jid} was told {told} in {PATIENCE_S} s, not {handled}") from None

    async def resume(self) -> None:
        """Connect again and resume the session (XEP-0198, section 5); sends again what got lost."""
        full_jid = self.jid
        resumed = await self._ask_to_resume()
        assert resumed.tag == f"{{{_MANAGEMENT}}}resumed", show(resumed)
        self.jid = full_jid
        self._take_acknowledgement(resumed)
        self._counts_sent = True
        self._transport.write(b"".join(self._unacknowledged))

    async def resume_elsewhere(self) -> Self:
        """Return another stream that has resumed this session, whose connection is as it was until then."""
        other = type(self)(self.address, self.domain, tls=self._tls)
        other.jid, other._password, other._resumption_id = self.jid, self._password, self._resumption_id
        other._handled, other._acknowledged = self._handled, self._acknowledged
        other._unacknowledged = self._unacknowledged.copy()
        other._disconnected.set()
        await other.resume()
        return other

    async def fail_to_resume(self) -> int:
        """Connect again, fail to resume the session, and return how many stanzas the server says it has handled."""
        failed = await self._ask_to_resume()
        assert failed.tag == f"{{{_MANAGEMENT}}}failed", show(failed)
        return int(failed.get("h") or -1)

    def forget_unacknowledged(self) -> None:
        """Say nothing again by itself when the session is resumed."""
        self._unacknowledged.clear()

    async def _ask_to_resume(self) -> Element:
        user = self.jid.partition("@")[0]
        self._counts_sent = self._counts_received = False
        self.acknowledges = True
        await self.wait_for_end()
        await self.open()
        await self.authenticate(user, self._password)
        self.send(f"<resume xmlns='{_MANAGEMENT}' h='{self._handled}' previd='{self._resumption_id}'/>")
        return await self.expect(lambda element: element.tag.startswith(f"{{{_MANAGEMENT}}}"))

    async def close(self) -> None:
        """End the stream as RFC 6120, 4.4 wants it, and wait until the server has ended it too."""
        if not self.ended:
            self._transport.write(b"</stream:stream>")
        await self.wait_for_end()

    def abort(self) -> None:
        """Break the connection (TCP RST), as a crash or a dead network would."""
        connection = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
        self.ended = True

    def break_off(self, xml: str) -> None:
        """Send the beginning of a stanza, which counts as never sent."""
        self._transport.write(xml.encode())

    async def wait_for_end(self) -> None:
        """Wait until the connection is gone."""
        async with asyncio.timeout(PATIENCE_S):
            await self._disconnected.wait()

    def data_received(self, data: bytes) -> None:
        """Take what the server sent (asyncio calls this)."""
        for element in self._reader.feed(data):
            if element is None:
                self._transport.close()
            else:
                self._take_in(element)
        self._arrived.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone (asyncio calls this)."""
        try:
            if exc is not None and self._tls is None:
                self._read_rest()
        finally:
            self.ended = True
            self._disconnected.set()
            self._arrived.set()

    def _read_rest(self) -> None:
        """Take what had arrived when writing failed, which asyncio leaves in the socket: it was received."""
        connection = self._transport.get_extra_info("socket")
        with suppress(OSError):
            while data := os.read(connection.fileno(), 1 << 16):
                self.data_received(data)

    def _take_in(self, element: Element) -> None:
        if element.tag == f"{{{_STREAM}}}error":
            self.error = element
        elif element.tag == f"{{{_MANAGEMENT}}}r":
            if self.acknowledges:
                self._transport.write(f"<a xmlns='{_MANAGEMENT}' h='{self._handled}'/>".encode())
        elif element.tag == f"{{{_MANAGEMENT}}}a":
            self._take_acknowledgement(element)
        else:
            self.unread.append(element)
            if element.tag in _STANZAS:
                self.received.append(element)
                self._handled += self._counts_received and self.acknowledges
            elif element.tag in (f"{{{_MANAGEMENT}}}enabled", f"{{{_MANAGEMENT}}}resumed"):
                self._counts_received = True  # from the very next stanza on, which may have come already

    def _take_acknowledgement(self, element: Element) -> None:
        handled = int(element.get("h") or 0)
        self.acknowledgements.append(handled)
        for _ in range(min(handled - self._acknowledged, len(self._unacknowledged))):
            self._unacknowledged.popleft()
        self._acknowledged = handled

    def _require_open(self) -> None:
        if self.ended:
            reason = "without a stream error" if self.error is None else show(self.error)
            raise StreamEndedError(f"the stream of {self.jid} ended: {reason}")


def having(**attributes: str) -> Matcher:
    """Return what matches an element with these attributes; `from_` stands for `from`."""
    wanted = {name.rstrip("_"): value for name, value in attributes.items()}
    return lambda element: all(element.get(name) == value for name, value in wanted.items())


def named(namespace: str, name: str) -> Matcher:
    """Match elements by their name."""
    return lambda element: element.tag == f"{{{namespace}}}{name}"


def message(body: str, **attributes: str) -> Matcher:
    """Match messages by their body, and by attributes (`from_` stands for `from`)."""
    wanted = {name.rstrip("_"): value for name, value in attributes.items()}
    return lambda element: (
        element.tag == f"{{{_CLIENT}}}message"
        and element.findtext(f"{{{_CLIENT}}}body") == body
        and all(element.get(name) == value for name, value in wanted.items())
    )


def show(element: Element) -> str:
    """Return an element as text, for a person who reads a failure."""
    return etree.tostring(element, encoding="unicode").replace(f' xmlns:stream="{_STREAM}"', "")


def _split_stanzas(data: bytes) -> list[bytes]:
    root = etree.fromstring(b"<stream xmlns='%s'>%s</stream>" % (_CLIENT.encode(), data))
    return [etree.tostring(child, with_tail=False) for child in root if child.tag in _STANZAS]
