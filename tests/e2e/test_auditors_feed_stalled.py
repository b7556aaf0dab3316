"""Links of the feed that stand still, and peers that mean harm: cut, bounded and named on either side, over TLS."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from components.archive.blobs.directory import DirectoryObjects
from components.archive.follow import CopyState
from components.archive.follow.files import encode_heads
from components.archive.follow.files_source import find_entries
from components.follow.client import FeedUnavailable, make_tls
from components.process.http import serve_http
from components.settings.certificate import open_server_tls
from components.settings.feed import FeedSettings
from tests.e2e.test_auditors_feed import busy
from tests.support.fed_files import FedFiles, make_fed_files, stored
from tests.support.file_copying import mark_of
from tests.support.machines import ALICE, BOB, NoProcess, say
from tests.support.process import PATIENCE_S, wait_until

STALLED_S = 0.2
"""Short, and given to either side: nobody waits for a minute here."""

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def filed(tmp_path: Path) -> FedFiles:
    return await make_fed_files(tmp_path)


@asynccontextmanager
async def serving(filed: FedFiles, answer: Answer) -> AsyncIterator[int]:
    """Serve whatever a test wants, with the certificate of the site; at the end, whatever is still answered is cut."""
    answering: set[asyncio.Task[web.StreamResponse]] = set()

    async def watched(request: web.Request) -> web.StreamResponse:
        task = asyncio.ensure_future(answer(request))
        answering.add(task)
        return await task

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", watched)
    tls = open_server_tls(NoProcess(), filed.fed.site.require(FeedSettings).certificate)  # type: ignore[arg-type]
    async with serve_http(app, "127.0.0.1", 0, tls) as port:
        try:
            yield port
        finally:
            for task in answering:
                task.cancel()


@asynccontextmanager
async def raw(
    filed: FedFiles, port: int, *, receive_bytes: int = 0
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect from Erin's machine by TLS, and say nothing of HTTP."""
    follow = filed.fed.machines["erin"].follow
    assert follow is not None
    with socket.socket() as bare:
        if receive_bytes:
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        bare.setblocking(False)
        await asyncio.get_running_loop().sock_connect(bare, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(
            sock=bare, ssl=make_tls(follow), server_hostname="localhost", limit=1024
        )
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


async def stand_still(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def stand_still_in_the_middle(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"x" * 500)
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize("answer", [stand_still, stand_still_in_the_middle])
async def test_a_feed_that_accepts_and_says_nothing_is_cut_by_the_machine(
    filed: FedFiles, answer: Answer
) -> None:
    async with (
        serving(filed, answer) as port,
        filed.fed.connect("erin", port, stalled_s=STALLED_S) as client,
    ):
        with pytest.raises(FeedUnavailable, match="stands still"):
            await client.fetch_batch("gate", CopyState(), 1000, 0)
        with pytest.raises(FeedUnavailable, match="stands still"):
            await client.list_logs()


async def test_a_peer_that_does_not_even_speak_tls_is_cut_by_the_machine(filed: FedFiles) -> None:
    async def listen(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with filed.fed.connect("erin", port, stalled_s=STALLED_S) as client:
        with pytest.raises(FeedUnavailable):
            await client.list_logs()
    server.close()


async def test_files_that_stand_still_are_gone_on_with_where_they_stood(filed: FedFiles) -> None:
    sent = await filed.send("large.bin", bytes(300_000))
    data = await asyncio.to_thread(filed.data_of(sent.blob).read_bytes)
    starts: list[int] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        if "from" not in request.query:
            entries = await find_entries(DirectoryObjects(filed.folder), mark_of(sent.blob))
            return web.Response(body=encode_heads(entries))
        start = int(request.query["from"])
        starts.append(start)
        response = web.StreamResponse(headers={"Content-Length": str(len(data) - start)})
        await response.prepare(request)
        await response.write(data[start : start + 100_000])
        if start + 100_000 < len(data):
            await asyncio.Event().wait()
        return response

    now_s = 0.0
    async with filed.fed.serve() as (_server, port), filed.fed.follow("erin", port) as service:
        while await service.followers["transfer"].step():
            pass
        assert service.files is not None
        service.files.clock_s = lambda: now_s
        async with (
            serving(filed, answer) as bad,
            filed.fed.connect("erin", bad, stalled_s=STALLED_S) as client,
        ):
            service.files.feed = client
            for _ in range(3):
                with pytest.raises(FeedUnavailable, match="stands still"):
                    await service.files.step()
                now_s += 3600
            assert await service.files.step()
            assert service.files.count().here == 1
    assert len(starts) == 4
    assert starts == sorted(set(starts))
    assert starts[0] == 0


@pytest.mark.slow
async def test_a_machine_that_stops_reading_is_cut_by_the_site(filed: FedFiles) -> None:
    """With more than what sockets and TLS take before anybody has read it."""
    sent = await filed.send("large.bin", bytes(24 << 20))
    path = f"/logs/transfer/files/{sent.record}/{sent.blob.digest.hex()}"
    async with (
        filed.fed.serve(STALLED_S) as (server, port),
        raw(filed, port, receive_bytes=4096) as (reader, writer),
    ):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert b"200" in await reader.readline()
        assert await wait_until(lambda: busy(server) == 0)
        # What it had not taken by then does not come any more.
        with pytest.raises((ConnectionError, ssl.SSLError, asyncio.IncompleteReadError)):
            async with asyncio.timeout(PATIENCE_S):
                await reader.readexactly(24 << 20)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/own"), ("PUT", f"/logs/gate/requests/review:{'a' * 32}")]
)
async def test_a_machine_that_stops_sending_is_cut_by_the_site(
    filed: FedFiles, method: str, path: str
) -> None:
    async with filed.fed.serve(STALLED_S) as (server, port), raw(filed, port) as (reader, writer):
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
        writer.write(head.encode() + b"x" * 10)
        async with asyncio.timeout(PATIENCE_S):
            assert b" 408 " in await reader.readline()
            await reader.readuntil(b"stands still")
        assert await wait_until(lambda: busy(server) == 0)


async def test_a_body_that_comes_in_pieces_is_read_whole_and_one_that_is_too_long_is_not(
    filed: FedFiles,
) -> None:
    async with filed.fed.serve() as (_server, port):
        for size, status in ((30_000, b" 403 "), (100_000, b" 413 ")):
            async with raw(filed, port) as (reader, writer):
                path = f"/logs/gate/requests/review:{'a' * 32}"
                writer.write(
                    f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode()
                )
                for _ in range(size // 10_000):
                    writer.write(b"x" * 10_000)
                    await writer.drain()
                    await asyncio.sleep(0)
                async with asyncio.timeout(PATIENCE_S):
                    assert status in await reader.readline()


async def test_what_a_feed_packs_is_not_unpacked(filed: FedFiles) -> None:
    """A little that becomes very much would come past every bound."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        packed = gzip.compress(bytes(64 << 20))
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    async with serving(filed, answer) as port, filed.fed.connect("erin", port) as client:
        _status, body = await client._ask("GET", "/logs", largest=1 << 20)
        assert len(body) < 1 << 20


async def test_an_answer_without_an_end_is_cut(filed: FedFiles) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65_536)

    sent = await filed.send("a.txt", b"x")
    async with serving(filed, answer) as port, filed.fed.connect("erin", port) as client:
        with pytest.raises(FeedUnavailable, match="more than"):
            await client.fetch_heads("transfer", sent.record, mark_of(sent.blob))


async def test_a_machine_with_too_many_connections_takes_none_from_others(
    filed: FedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.feed.server.MAX_CONNECTIONS", 3)
    await filed.fed.append(say(1, ALICE, BOB, "a tip"))

    async def ask(port: int, connections: list[object]) -> bytes:
        context = raw(filed, port)
        reader, writer = await context.__aenter__()
        connections.append(context)
        writer.write(b"GET /logs HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return await reader.readline()

    async with filed.fed.serve() as (_server, port), filed.fed.connect("faye", port) as faye:
        connections: list[object] = []
        answers = [await ask(port, connections) for _ in range(5)]
        assert [b" 200 " in each for each in answers] == [True] * 3 + [False] * 2
        assert all(b" 503 " in each for each in answers[3:])
        await faye.list_logs()
        for each in connections:
            await each.__aexit__(None, None, None)  # type: ignore[attr-defined]
        # Closed ones count no more.
        async with asyncio.timeout(PATIENCE_S):
            while b" 200 " not in await ask(port, connections):  # noqa: ASYNC110 - the server notices
                await asyncio.sleep(0.02)


async def test_a_connection_that_asks_nothing_is_closed(filed: FedFiles) -> None:
    async with serve_http(web.Application(), "127.0.0.1", 0, idle_s=STALLED_S) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.read() == b""
        writer.close()


async def test_nothing_of_a_hostile_feed_lies_on_the_machine(filed: FedFiles) -> None:
    """Wrong bytes, another blob, a body without an end: each is named, and none is kept."""
    sent = await filed.send("a.txt", bytes(200_000))
    other = await filed.send("b.txt", b"\1" * 200_000)
    wanted = await asyncio.to_thread(filed.data_of(sent.blob).read_bytes)
    another = await asyncio.to_thread(filed.data_of(other.blob).read_bytes)
    bodies = [bytes(len(wanted)), another, wanted * 3, wanted[:-1] + b"x"]
    sends = b""

    async def answer(request: web.Request) -> web.StreamResponse:
        if "from" in request.query:
            return web.Response(body=sends)
        entries = await find_entries(DirectoryObjects(filed.folder), mark_of(sent.blob))
        return web.Response(body=encode_heads(entries))

    now_s = 0.0
    async with filed.fed.serve() as (_server, port), filed.fed.follow("erin", port) as service:
        while await service.followers["transfer"].step():
            pass
        files = service.files
        assert files is not None
        files.clock_s = lambda: now_s
        async with serving(filed, answer) as bad, filed.fed.connect("erin", bad) as client:
            files.feed = client
            for body in bodies:
                sends = body
                # Both are asked for; the heads are those of the first, whichever was asked for.
                assert await files.step()
                assert await files.step()
                assert files.count().faulty == 2
                assert stored(filed.copies("erin")) == {}
                now_s += 3600
