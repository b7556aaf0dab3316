"""Asks another site's server whether the two would talk to one another: TLS, and both certificates (XEP-0178)."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from cryptography import x509
from lxml import etree

from components.site.federation import pin_of

_STREAM = "http://etherx.jabber.org/streams"
_TLS = "urn:ietf:params:xml:ns:xmpp-tls"
_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
_TIMEOUT_S = 10.0
_SAID_MAX = 200
_SAID_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Peer:
    """One domain of another site, as one domain here reaches it.

    `trust` shows the certificate here, and trusts the authorities of the site alone.
    """

    address: str
    port: int
    own_domain: str
    domain: str
    trust: ssl.SSLContext
    pins: Sequence[str] = ()


async def find_peer_fault(peer: Peer) -> str:
    """Return why the two servers would not talk to one another, or nothing; connects, and says no more than needed."""
    place = f"{peer.address}:{peer.port}"
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            return await _ask(peer)
    except TimeoutError:
        return f"{place} gives no answer in {_TIMEOUT_S:g} s; see whether its server is up"
    except ssl.SSLCertVerificationError as err:
        return f"{place} shows a certificate that does not count for {peer.domain}: {err.verify_message}"
    except (OSError, etree.XMLSyntaxError, asyncio.IncompleteReadError, _NoAnswerError) as err:
        return f"{place} cannot be talked to: {str(err) or 'it ended the connection'}"


async def _ask(peer: Peer) -> str:
    reader, writer = await asyncio.open_connection(peer.address, peer.port)
    stream = _Stream(reader, writer, peer)
    try:
        features = await stream.begin()
        if features.find(f"{{{_TLS}}}starttls") is None:
            return _refused(features, peer) or f"{peer.domain} offers no TLS; have its server require it"
        # Some say this to everybody, and look at who asks when they take it up.
        answer = await stream.say(f"<starttls xmlns='{_TLS}'/>")
        if answer.tag != f"{{{_TLS}}}proceed":
            return _refused(answer, peer) or f"{peer.domain} offers TLS, and does not begin it"
        await writer.start_tls(peer.trust, server_hostname=peer.domain.encode("idna").decode())
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if peer.pins and (key := pin_of(x509.load_der_x509_certificate(shown))) not in peer.pins:
            return f"{peer.domain} has the key {key}, which federation.sites.certificate_pins does not list"
        return await _log_in(stream, peer)
    finally:
        # Not in order, which in TLS waits for the other side: ejabberd says nothing to that.
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _log_in(stream: "_Stream", peer: Peer) -> str:
    """Log in by the certificate here, which is all that is said; some look at it only then (XEP-0178)."""
    answer = await stream.begin()
    if answer.find(f"{{{_SASL}}}mechanisms") is not None:
        answer = await stream.say(f"<auth xmlns='{_SASL}' mechanism='EXTERNAL'>=</auth>")
        if answer.tag == f"{{{_SASL}}}success":
            return ""
    return _refused(answer, peer) or f"{peer.domain} does not take the certificate of {peer.own_domain}"


class _NoAnswerError(Exception):
    """The other server ended the stream, or said what nobody would."""


class _Stream:
    """The stream to a peer, as far as it can be heard whether the two would talk."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer) -> None:
        self._reader, self._writer, self._peer = reader, writer, peer
        self._depth = self._said_bytes = 0
        self._parser: etree.XMLPullParser
        self._heard: Iterator[etree._Element]

    async def begin(self) -> etree._Element:
        """Begin a stream (RFC 6120, 4.7), and return its features or its error."""
        peer = self._peer
        addresses = f"from={quoteattr(peer.own_domain)} to={quoteattr(peer.domain)}"
        self._parser = etree.XMLPullParser(events=("start", "end"), resolve_entities=False, no_network=True)
        self._depth, self._heard = 0, iter(())
        return await self.say(
            f"<stream:stream xmlns='jabber:server' xmlns:stream='{_STREAM}' version='1.0' {addresses}>"
        )

    async def say(self, words: str) -> etree._Element:
        """Say this, and return the next element that is said."""
        self._writer.write(words.encode())
        while (element := next(self._heard, None)) is None:
            data = await self._reader.read(4096)
            self._said_bytes += len(data)
            if not data:
                raise _NoAnswerError
            if self._said_bytes > _SAID_MAX_BYTES:
                raise _NoAnswerError("it says too much before it says what it can do")
            self._parser.feed(data)
            self._heard = self._read()
        return element

    def _read(self) -> Iterator[etree._Element]:
        for event, element in self._parser.read_events():
            self._depth += 1 if event == "start" else -1
            if event == "end" and self._depth == 1 and isinstance(element, etree._Element):
                yield element


def _refused(said: etree._Element, peer: Peer) -> str:
    """Return what a stream error says (RFC 6120, 4.9), or nothing if it is none."""
    if said.tag != f"{{{_STREAM}}}error":
        return ""
    text = said.findtext(f"{{{_ERRORS}}}text") or next((etree.QName(each).localname for each in said), "")
    return f"{peer.domain} does not talk to {peer.own_domain}: {text[:_SAID_MAX]}"
