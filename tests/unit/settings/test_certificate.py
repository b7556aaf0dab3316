"""A process that serves TLS takes a renewed certificate over at SIGHUP, if it fits."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from components.process.run import Process
from components.settings.certificate import open_server_tls
from tests.support.certificates import CertificateAuthority

NAME = "files.metals.example"


class Reloaded(Process):
    """A process that reads again when told."""

    def __init__(self, folder: Path) -> None:
        super().__init__("toy", folder / "site.toml")
        self.reread: list[Callable[[], None]] = []

    def on_reload(self, reread: Callable[[], None]) -> None:
        self.reread.append(reread)


@asynccontextmanager
async def serve(context: ssl.SSLContext) -> AsyncIterator[int]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


class Client:
    """A connection, and the certificate that it was shown."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)

    @classmethod
    async def connect(cls, port: int, trust: CertificateAuthority) -> "Client":
        context = trust.client_context()
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=NAME))

    async def echo(self) -> bytes:
        self._writer.write(b"Tin?\n")
        return await self._reader.readline()

    def close(self) -> None:
        self._writer.close()


def issue(trust: CertificateAuthority, folder: Path) -> tuple[bytes, bytes]:
    trust.issue(folder, [NAME])
    return (folder / f"{NAME}.crt").read_bytes(), (folder / f"{NAME}.key").read_bytes()


def put(folder: Path, certificate: bytes, key: bytes) -> None:
    (folder / f"{NAME}.crt").write_bytes(certificate)
    (folder / f"{NAME}.key").write_bytes(key)


async def test_a_renewed_certificate_counts_and_connections_go_on(tmp_path: Path) -> None:
    trust = CertificateAuthority(tmp_path / "ca")
    old = issue(trust, tmp_path / "tls")
    new = issue(trust, tmp_path / "renewed")
    process = Reloaded(tmp_path)
    context = open_server_tls(process, tmp_path / "tls" / f"{NAME}.crt")
    assert context is not None
    async with serve(context) as port:
        first = await Client.connect(port, trust)
        put(tmp_path / "tls", *new)
        process.reread[0]()
        second = await Client.connect(port, trust)
        assert first.shown == ssl.PEM_cert_to_DER_cert(old[0].decode())
        assert second.shown == ssl.PEM_cert_to_DER_cert(new[0].decode())
        assert (await first.echo(), await second.echo()) == (b"Tin?\n", b"Tin?\n")
        for unfit in ((old[0], new[1]), (b"", new[1]), (new[0], b"-----BEGIN")):
            put(tmp_path / "tls", *unfit)
            with pytest.raises(OSError, match=f"{NAME}.crt: "):
                process.reread[0]()
        (tmp_path / "tls" / f"{NAME}.crt").unlink()
        with pytest.raises(OSError, match="No such file"):
            process.reread[0]()
        third = await Client.connect(port, trust)
        assert third.shown == second.shown
        for each in (first, second, third):
            each.close()


def test_without_a_certificate_there_is_nothing_to_read(tmp_path: Path) -> None:
    process = Reloaded(tmp_path)
    assert open_server_tls(process, None) is None
    assert process.reread == []
