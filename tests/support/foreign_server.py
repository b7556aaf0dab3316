"""The other side of a stream between servers, which says what it is told and shows the certificate that it is given."""

import asyncio
import re
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Self

from lxml import etree

from tests.support.process import PATIENCE_S
from tests.support.stream import Element, XmppStream, named
from tests.support.stream_reader import StreamReader
from tests.support.typed import require

_STREAM = "http://etherx.jabber.org/streams"
_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
_TLS = "urn:ietf:params:xml:ns:xmpp-tls"
_HEADER = re.compile(rb"<stream:stream[^>]*>")

OFFERS_TLS = f"<starttls xmlns='{_TLS}'><required/></starttls>"
OFFERS_EXTERNAL = f"<mechanisms xmlns='{_SASL}'><mechanism>EXTERNAL</mechanism></mechanisms>"
LETS_IN = f"<success xmlns='{_SASL}'/>"
OFFERS_DIALBACK = "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>"


def showing(certificate: Path | None) -> ssl.SSLContext:
    """Return TLS of the side that connects: it shows a certificate, if any, and does not care what it is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return context


class ForeignStream(XmppStream):
    """A stream of a server `own` to one of the server's domains; without `own` it does not say who it is."""

    def __init__(
        self, address: tuple[str, int], own: str, to: str, *, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(address, to, tls=tls)
        self.own = self.jid = own

    async def restart(self) -> Element:
        """Send a stream header of a server, and return the features that are answered."""
        self._begin("version='1.0' ")
        return await self.expect(named(_STREAM, "features"))

    def _begin(self, version: str) -> None:
        namespaces = f"xmlns='jabber:server' xmlns:stream='{_STREAM}' xmlns:db='jabber:server:dialback'"
        whose = f"from='{self.own}' " if self.own else ""
        self.send(f"<stream:stream {namespaces} {version}{whose}to='{self.domain}'>")

    async def open_as_of_old(self) -> None:
        """Connect and begin without a version (RFC 3920, 4.4.1), and go on to TLS all the same."""
        loop = asyncio.get_running_loop()
        self.ended, self.error = False, None
        self._reader = StreamReader()
        self._transport, _ = await loop.create_connection(lambda: self, *self.address)
        self._begin("")
        self.send(f"<starttls xmlns='{_TLS}'/>")
        await self.expect(named(_TLS, "proceed"))
        encrypted = await loop.start_tls(self._transport, self, require(self._tls))
        assert encrypted is not None
        self._transport = encrypted
        await self.restart()

    async def prove(self) -> None:
        """Log in by the certificate (SASL EXTERNAL, XEP-0178)."""
        self.send(f"<auth xmlns='{_SASL}' mechanism='EXTERNAL'>=</auth>")
        await self.expect(named(_SASL, "success"))
        await self.restart()

    def why_ended(self) -> str:
        """Return the condition and the text of the stream error."""
        return "" if self.error is None else " ".join(_words(self.error))


def _words(error: Element) -> list[str]:
    return [each.text or etree.QName(each).localname for each in error]


class ListeningServer:
    """A server to which others connect; `heard` is all that they said.

    It offers TLS if it has any, and then what `offers` says; who logs in is answered `answers_login`.
    """

    def __init__(
        self,
        port: int,
        tls: ssl.SSLContext | None,
        offers: str = OFFERS_EXTERNAL,
        answers_login: str = LETS_IN,
    ) -> None:
        self._answers_login = answers_login
        self.heard = b""
        self._port, self._tls, self._offers = port, tls, offers
        self._ended = asyncio.Event()
        self._server: asyncio.Server

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def wait_for_end(self) -> None:
        """Wait until a connection is over."""
        async with asyncio.timeout(PATIENCE_S):
            await self._ended.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            if self._tls:
                await self._answer(reader, writer, OFFERS_TLS)
                await reader.readuntil(b"/>")
                writer.write(f"<proceed xmlns='{_TLS}'/>".encode())
                await writer.drain()
                await writer.start_tls(self._tls)
            await self._answer(reader, writer, self._offers)
            while data := await reader.read(4096):
                self.heard += data
                if b"<auth" in data:
                    writer.write(self._answers_login.encode())
                if b"<starttls" in data:  # without a word about it, some try whether there is any
                    writer.write(f"<failure xmlns='{_TLS}'/></stream:stream>".encode())
                    break
        writer.close()
        self._ended.set()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, offers: str) -> None:
        said = b""
        while not _HEADER.search(said):
            said += await reader.readuntil(b">")
        self.heard += said
        writer.write(
            f"<stream:stream xmlns='jabber:server' xmlns:stream='{_STREAM}' id='1' version='1.0'>"
            f"<stream:features>{offers}</stream:features>".encode()
        )


def serving(certificate: Path) -> ssl.SSLContext:
    """Return TLS of the side that is connected to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return context
