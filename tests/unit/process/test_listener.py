"""Connections are taken as long as there are places; a crowd from one address keeps nobody else out."""

import asyncio
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from components.process import listener as listening
from components.process.listener import Listener, most_connections, network_of
from tests.support.certificates import CertificateAuthority
from tests.support.process import PATIENCE_S

MOST = 8
HOST = "files.metals.example"
TWO = ("127.0.0.1", "127.0.0.2")


class Echo(asyncio.Protocol):
    """Sends back what comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


@asynccontextmanager
async def listen(tls: ssl.SSLContext | None) -> AsyncIterator[int]:
    listener = Listener(Echo, tls, MOST)
    try:
        yield listener.open("127.0.0.1", 0)
    finally:
        await listener.close()


@pytest.fixture
def server_tls(tmp_path: Path, authority: CertificateAuthority) -> ssl.SSLContext:
    folder = authority.issue(tmp_path / "certs", (HOST,))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{HOST}.crt", folder / f"{HOST}.key")
    return context


async def is_served(
    port: int, tls: ssl.SSLContext | None, own: str = "127.0.0.1", to: str = "127.0.0.1"
) -> bool:
    """Return whether a connection from an address of this machine is answered."""
    writer: asyncio.StreamWriter | None = None
    try:
        reader, writer = await asyncio.open_connection(
            to, port, ssl=tls, server_hostname=HOST if tls else None, local_addr=(own, 0)
        )
        writer.write(b"a")
        return await reader.read(1) == b"a"
    except (ConnectionError, ssl.SSLError):
        return False
    finally:
        if writer is not None:
            writer.transport.abort()


async def crowd(port: int, count: int, own: str = "127.0.0.1") -> list[asyncio.StreamWriter]:
    """Open connections and say nothing on them, not even TLS."""
    opened = [await asyncio.open_connection("127.0.0.1", port, local_addr=(own, 0)) for _ in range(count)]
    return [writer for _, writer in opened]


async def wait_until_served(serves: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await serves():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


async def test_a_silent_crowd_of_one_address_keeps_no_other_out(
    server_tls: ssl.SSLContext, authority: CertificateAuthority
) -> None:
    tls = authority.client_context()
    async with listen(server_tls) as port:
        silent = await crowd(port, MOST // 4)
        assert not await is_served(port, tls)
        assert await is_served(port, tls, "127.0.0.2")
        for writer in silent:
            writer.transport.abort()
        await wait_until_served(lambda: is_served(port, tls))


async def test_all_places_are_taken_and_free_again(
    server_tls: ssl.SSLContext, authority: CertificateAuthority
) -> None:
    tls = authority.client_context()
    async with listen(server_tls) as port:
        silent = [
            writer for last in range(2, 6) for writer in await crowd(port, MOST // 4, f"127.0.0.{last}")
        ]
        assert not await is_served(port, tls)
        silent[0].transport.abort()
        await wait_until_served(lambda: is_served(port, tls))
        for writer in silent:
            writer.transport.abort()


async def test_whoever_begins_no_tls_in_time_is_shut_out(
    server_tls: ssl.SSLContext, authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "_HANDSHAKE_S", 0.2)
    async with listen(server_tls) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        garbled, other = await asyncio.open_connection("127.0.0.1", port)
        other.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        async with asyncio.timeout(PATIENCE_S):
            for silent in (reader, garbled):
                with suppress(ConnectionError):
                    assert b"HTTP" not in await silent.read()
        for each in (writer, other):
            each.transport.abort()
        await wait_until_served(lambda: is_served(port, authority.client_context()))


async def test_behind_a_proxy_all_come_from_one_address() -> None:
    async with listen(None) as port:
        silent = await crowd(port, MOST - 1)
        await wait_until_served(lambda: is_served(port, None))
        for writer in silent:
            writer.transport.abort()


def test_one_network_of_ipv6_counts_as_one_address() -> None:
    one, same, other = "2001:db8:1:2::5", "2001:db8:1:2:ffff::6", "2001:db8:1:3::5"
    assert network_of(one) == network_of(same) != network_of(other)
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") != network_of("192.0.2.2")
    assert network_of("fe80::1%eth0") == network_of("fe80::2")


@pytest.mark.usefixtures("two_addresses")
async def test_a_name_is_listened_to_on_all_its_addresses() -> None:
    async with listen(None) as port:
        for address in TWO:
            assert await is_served(port, None, address, address)


@pytest.fixture
def two_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the name of this machine have two addresses, and one that no network of it has."""
    stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    found = [(*stream, (address, 0)) for address in (*TWO, "192.0.2.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


async def test_a_process_without_descriptors_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    whole = loop.sock_accept
    failed: list[bool] = []

    async def fail_once(listening_on: socket.socket) -> tuple[socket.socket, object]:
        if not failed:
            failed.append(True)
            raise OSError(24, "Too many open files")
        return await whole(listening_on)

    monkeypatch.setattr(loop, "sock_accept", fail_once)
    async with listen(None) as port:
        assert await is_served(port, None)
    assert failed


def test_as_many_files_as_the_system_lets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    for limits, most in (((256, 1000), 250), ((1024, 524_288), 2048), ((64, resource.RLIM_INFINITY), 2048)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limits=limits: limits)
        monkeypatch.setattr(resource, "setrlimit", lambda _, now: asked.append(now))
        assert most_connections() == most
        assert asked.pop() == (limits[1], limits[1])
