"""Why a client cannot log in: what the server says of it, in the server's own words where it has some."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from components.link.client import LoginError, TraderClient
from tests.support.certificates import CertificateAuthority

DOMAIN = "metals.example"
HEADER = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
    f"xmlns:stream='http://etherx.jabber.org/streams' version='1.0' id='1' from='{DOMAIN}'>"
)
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
TLS = "urn:ietf:params:xml:ns:xmpp-tls"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("authority"))


@asynccontextmanager
async def answering(
    authority: CertificateAuthority, folder: Path, answer: str
) -> AsyncIterator[TraderClient]:
    """Give a client of a server that answers each login with this; with nothing it never answers."""
    authority.issue(folder, (DOMAIN,))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / f"{DOMAIN}.crt", folder / f"{DOMAIN}.key")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"version='1.0'>")
        writer.write(
            f"{HEADER}<stream:features><starttls xmlns='{TLS}'><required/></starttls></stream:features>".encode()
        )
        await reader.readuntil(b"/>")
        writer.write(f"<proceed xmlns='{TLS}'/>".encode())
        await writer.start_tls(tls)
        await reader.readuntil(b"version='1.0'>")
        offer = f"<mechanisms xmlns='{SASL}'><mechanism>PLAIN</mechanism></mechanisms>"
        writer.write(f"{HEADER}<stream:features>{offer}</stream:features>".encode())
        await reader.readuntil(b"</auth>")
        writer.write(answer.encode())
        await reader.readuntil(b"</stream:stream>")
        writer.write(b"</stream:stream>")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield TraderClient(
            f"alice@{DOMAIN}",
            "guess",
            "127.0.0.1",
            port,
            folder / "ca.crt",
            patience_s=60.0 if answer else 0.1,
        )


def failure(condition: str, text: str = "") -> str:
    said = f"<text>{text}</text>" if text else ""
    return f"<failure xmlns='{SASL}'><{condition}/>{said}</failure>"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (failure("not-authorized"), "the server does not accept the password"),
        (failure("temporary-auth-failure", "Too many."), "the server says: Too many."),
        (failure("temporary-auth-failure"), "the server says: temporary-auth-failure"),
        (failure("account-disabled", "Not admitted yet."), "the server says: Not admitted yet."),
        ("", "no answer in 0.1 s"),
    ],
)
async def test_why_it_cannot_log_in_is_said(
    authority: CertificateAuthority, tmp_path: Path, answer: str, reason: str
) -> None:
    async with answering(authority, tmp_path, answer) as client:
        with pytest.raises(LoginError) as raised:
            await client.connect()
    assert str(raised.value) == f"alice@{DOMAIN} cannot log in: {reason}"
