"""What keeps two servers from talking to one another is said in words, by the side that asks."""

import asyncio
import datetime as dt
import re
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from components.site import peer_probe
from components.site.certificates import make_certificates
from components.site.federation import pin_of
from components.site.peer_probe import Peer, find_peer_fault
from tests.support.foreign_server import (
    OFFERS_DIALBACK,
    OFFERS_EXTERNAL,
    OFFERS_TLS,
    ListeningServer,
    serving,
)
from tests.support.ports import free_port

METALS, LONDON, OTHER = "metals.example", "london.example", "other.example"


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certs")
    make_certificates(folder, folder / "ca.key", "Test", (METALS, LONDON, OTHER), dt.datetime.now(dt.UTC))
    return folder


def trusting(authority: Path, certs: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority)
    context.load_cert_chain(certs / f"{METALS}.crt", certs / f"{METALS}.key")
    return context


def peer(certs: Path, port: int, *pins: str, authority: Path | None = None) -> Peer:
    trust = trusting(authority or certs / "ca.crt", certs)
    return Peer("127.0.0.1", port, METALS, LONDON, trust, pins)


def key_of(certs: Path, domain: str) -> str:
    return pin_of(x509.load_pem_x509_certificate((certs / f"{domain}.crt").read_bytes()))


async def ask(certs: Path, *pins: str, shown: str = LONDON, offers: str = OFFERS_EXTERNAL) -> str:
    port = free_port()
    async with ListeningServer(port, serving(certs / f"{shown}.crt"), offers):
        return (await find_peer_fault(peer(certs, port, *pins))).replace(str(port), "PORT")


async def test_two_that_would_talk(certs: Path) -> None:
    assert await ask(certs) == ""
    assert await ask(certs, "0" * 64, key_of(certs, LONDON)) == ""


async def test_another_name(certs: Path) -> None:
    assert re.match(
        rf"127\.0\.0\.1:PORT shows a certificate that does not count for {LONDON}: .*mismatch",
        await ask(certs, shown=OTHER),
    )


async def test_another_authority(certs: Path, tmp_path: Path) -> None:
    make_certificates(tmp_path, tmp_path / "ca.key", "Else", (), dt.datetime.now(dt.UTC))
    port = free_port()
    async with ListeningServer(port, serving(certs / f"{LONDON}.crt")):
        fault = await find_peer_fault(peer(certs, port, authority=tmp_path / "ca.crt"))
    assert "does not count for london.example" in fault


async def test_another_key(certs: Path) -> None:
    assert await ask(certs, "0" * 64) == (
        f"{LONDON} has the key {key_of(certs, LONDON)}, which federation.sites.certificate_pins does not list"
    )


async def test_one_that_does_not_take_ours(certs: Path) -> None:
    assert await ask(certs, offers=OFFERS_DIALBACK) == f"{LONDON} does not take the certificate of {METALS}"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>",
            f"{LONDON} does not take the certificate of {METALS}",
        ),
        (
            "<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
            "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Your certificate has expired</text></stream:error>",
            f"{LONDON} does not talk to {METALS}: Your certificate has expired",
        ),
    ],
)
async def test_one_that_looks_at_ours_only_when_we_log_in(certs: Path, answer: str, told: str) -> None:
    port = free_port()
    async with ListeningServer(port, serving(certs / f"{LONDON}.crt"), answers_login=answer):
        assert await find_peer_fault(peer(certs, port)) == told


async def test_one_that_offers_no_tls(certs: Path) -> None:
    port = free_port()
    async with ListeningServer(port, None, OFFERS_DIALBACK):
        fault = await find_peer_fault(peer(certs, port))
    assert fault == f"{LONDON} offers no TLS; have its server require it"


async def say(port: int, answer: bytes, certs: Path) -> str:
    """Ask a server that says this to whoever begins a stream, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b">")  # to end a connection with something unread would break it
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", port):
        return (await find_peer_fault(peer(certs, port))).replace(str(port), "PORT")


_HEADER = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>"
_ERROR = (
    f"{_HEADER}<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>%s</stream:error>"
)
_NOT_YOU = (
    "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
    "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Not you</text></stream:error>"
)
_TEXT = "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Not you</text>"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (_ERROR % _TEXT, f"{LONDON} does not talk to {METALS}: Not you"),
        (_ERROR % "", f"{LONDON} does not talk to {METALS}: policy-violation"),
        (_HEADER, "127.0.0.1:PORT cannot be talked to: it ended the connection"),
        ("", "127.0.0.1:PORT cannot be talked to: it ended the connection"),
        (
            f"{_HEADER}<stream:features>{'<more/>' * 10_000}",
            "127.0.0.1:PORT cannot be talked to: it says too much",
        ),
        (f"{_HEADER}<stream:features>{OFFERS_TLS}</stream:features>", "127.0.0.1:PORT cannot be talked to: "),
        (
            f"{_HEADER}<stream:features>{OFFERS_TLS}</stream:features>{_NOT_YOU}",
            f"{LONDON} does not talk to {METALS}: Not you",
        ),
        (
            f"{_HEADER}<stream:features>{OFFERS_TLS}</stream:features>"
            "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            f"{LONDON} offers TLS, and does not begin it",
        ),
        ("HTTP/1.1 400 Bad Request\r\n", "127.0.0.1:PORT cannot be talked to: "),
    ],
)
async def test_one_that_says_no_or_something_else(certs: Path, answer: str, said: str) -> None:
    assert (await say(free_port(), answer.encode(), certs)).startswith(said)


async def test_nobody_there(certs: Path) -> None:
    port = free_port()
    assert (await find_peer_fault(peer(certs, port))).startswith(f"127.0.0.1:{port} cannot be talked to: ")


async def test_one_that_gives_no_answer(certs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_probe, "_TIMEOUT_S", 0.05)
    port = free_port()
    gone = asyncio.Event()

    async def wait(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    async with await asyncio.start_server(wait, "127.0.0.1", port):
        fault = await find_peer_fault(peer(certs, port))
        gone.set()
    assert fault == f"127.0.0.1:{port} gives no answer in 0.05 s; see whether its server is up"
