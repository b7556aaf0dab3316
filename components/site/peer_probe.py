"""Asks another site's server whether the two would talk to one another: TLS, and both certificates (XEP-0178)."""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
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
    try:
        features = await _open(reader, writer, peer)
        if features.find(f"{{{_TLS}}}starttls") is None:
            return _refused(features, peer) or f"{peer.domain} offers no TLS; have its server require it"
        writer.write(f"<starttls xmlns='{_TLS}'/>".encode())
        await reader.readuntil(b">")
        await writer.start_tls(peer.trust, server_hostname=peer.domain.encode("idna").decode())
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if peer.pins and (key := pin_of(x509.load_der_x509_certificate(shown))) not in peer.pins:
            return f"{peer.domain} has the key {key}, which federation.sites.certificate_pins does not list"
        features = await _open(reader, writer, peer)
        if features.find(f"{{{_SASL}}}mechanisms") is None:
            return (
                _refused(features, peer)
                or f"{peer.domain} does not take the certificate of {peer.own_domain}"
            )
        return ""
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


class _NoAnswerError(Exception):
    """The other server ended the stream, or said what nobody would."""


async def _open(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer) -> etree._Element:
    """Begin a stream (RFC 6120, 4.7), and return its features or its error."""
    addresses = f"from={quoteattr(peer.own_domain)} to={quoteattr(peer.domain)}"
    writer.write(
        f"<stream:stream xmlns='jabber:server' xmlns:stream='{_STREAM}' version='1.0' {addresses}>".encode()
    )
    parser = etree.XMLPullParser(events=("start", "end"), resolve_entities=False, no_network=True)
    depth = said_bytes = 0
    while data := await reader.read(4096):
        said_bytes += len(data)
        if said_bytes > _SAID_MAX_BYTES:
            raise _NoAnswerError("it says too much before it says what it can do")
        parser.feed(data)
        for event, element in parser.read_events():
            depth += 1 if event == "start" else -1
            if event == "end" and depth == 1 and isinstance(element, etree._Element):
                return element
    raise _NoAnswerError


def _refused(said: etree._Element, peer: Peer) -> str:
    """Return what a stream error says (RFC 6120, 4.9), or nothing if it is none."""
    if said.tag != f"{{{_STREAM}}}error":
        return ""
    text = said.findtext(f"{{{_ERRORS}}}text") or next((etree.QName(each).localname for each in said), "")
    return f"{peer.domain} does not talk to {peer.own_domain}: {text[:_SAID_MAX]}"
