"""What is no proper HTTP is refused by every server, and neither answered nor logged with what it held."""

import asyncio
import gzip
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

import components
from components.directory.scim.server import ScimServer
from components.process.http import serve_http
from components.tiles.server import TileServer
from tests.support.process import PATIENCE_S
from tests.support.typed import require

SECRET = b"one-time-link-of-anna"
NO_HTTP = [
    b"GET /login/" + SECRET + b" HTTP/1.1\nHost: a\n\n",
    b"FOO /login/" + SECRET + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nCookie : " + SECRET + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + SECRET * 2000 + b"\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n" + SECRET,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + SECRET,
]
Serving = Callable[[], AbstractAsyncContextManager[int]]


def serve_any() -> AbstractAsyncContextManager[int]:
    return serve_http(web.Application(), "127.0.0.1", 0)


def serve_some() -> AbstractAsyncContextManager[int]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(headers={"Server": "aiohttp"})

    async def fail(_request: web.Request) -> web.Response:
        raise ValueError

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write_eof()
        return response

    app = web.Application()
    app.router.add_get("/", answer)
    app.router.add_get("/fails", fail)
    app.router.add_get("/streams", stream)
    return serve_http(app, "127.0.0.1", 0)


@asynccontextmanager
async def serve_people() -> AsyncIterator[int]:
    server = ScimServer({})
    try:
        yield await server.start("127.0.0.1", 0)
    finally:
        await server.close()


@asynccontextmanager
async def serve_tiles() -> AsyncIterator[int]:
    server = TileServer({})
    try:
        yield await server.start("127.0.0.1", 0)
    finally:
        await server.close()


async def ask(port: int, request: bytes) -> bytes:
    """Return all that is answered until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("serve", [serve_any, serve_people, serve_tiles])
async def test_what_it_held_is_neither_answered_nor_logged(
    serve: Serving, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    async with serve() as port:
        for request in NO_HTTP:
            head, _, body = (await ask(port, request)).partition(b"\r\n\r\n")
            assert head.split()[1] == b"400", request[:40]
            assert b"Server: steelyard" in head
            assert b"Cache-Control: no-store" in head
            assert body == b"this is no proper HTTP\n"
    logged = caplog.text + "".join(capfd.readouterr())
    assert SECRET.decode() not in logged
    assert "Traceback" not in logged


@pytest.mark.parametrize("serve", [serve_any, serve_people, serve_tiles])
async def test_a_crowd_that_says_nothing_takes_no_more_than_its_places(
    serve: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("components.process.http", "components.directory.scim.server"):
        monkeypatch.setattr(f"{place}.most_connections", lambda: 2)
    monkeypatch.setattr("components.tiles.server.MAX_CONNECTIONS", 2)
    async with serve() as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        assert not await ask(port, b"")
        for _, writer in silent:
            writer.close()

        async def is_answered() -> bool:
            return b"400" in await ask(port, NO_HTTP[1])

        async with asyncio.timeout(PATIENCE_S):
            while not await is_answered():  # noqa: ASYNC110 - nothing tells that the server saw them go
                await asyncio.sleep(0.01)


async def test_no_body_is_unpacked() -> None:
    """A megabyte of a packed body can be a gigabyte, which the server would read on for after it has refused it."""
    came: list[bytes] = []

    async def keep(request: web.Request) -> web.Response:
        came.append(await request.read())
        return web.Response()

    packed = gzip.compress(b"a" * 1000)
    app = web.Application()
    app.router.add_post("/", keep)
    async with serve_http(app, "127.0.0.1", 0) as port:
        head = (
            f"Host: a\r\nContent-Length: {len(packed)}\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"
        )
        assert b" 200 " in await ask(port, f"POST / HTTP/1.1\r\n{head}".encode() + packed)
    assert came == [packed]


async def test_who_goes_away_within_a_request_leaves_nothing_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def read(request: web.Request) -> web.Response:
        began.set()
        try:
            await request.read()
        finally:
            ended.set()
        return web.Response()

    app = web.Application()
    app.router.add_post("/", read)
    async with serve_http(app, "127.0.0.1", 0) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\na")
        await began.wait()
        writer.transport.abort()
        await ended.wait()
    assert caplog.text == ""


@pytest.mark.parametrize(
    "request_line", ["GET /", "GET /fails", "GET /streams", "POST /", "GET /nothing", "nothing"]
)
@pytest.mark.parametrize("serve", [serve_some, serve_people, serve_tiles])
async def test_no_answer_names_a_version(serve: Serving, request_line: str) -> None:
    async with serve() as port:
        request = f"{request_line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        head, _, _ = (await ask(port, request.encode())).lower().partition(b"\r\n\r\n")
    assert b"\r\nserver: steelyard\r\n" in head
    assert head.count(b"server:") == 1
    assert b"aiohttp" not in head


def test_all_servers_are_run_in_one_way() -> None:
    folder = Path(require(components.__file__)).parent
    making = {
        str(file.relative_to(folder))
        for file in folder.rglob("*.py")
        if re.search(r"AppRunner\(|ServerRunner\(|run_app\(|Site\(self|web\.Server\(", file.read_text())
    }
    assert making == {"process/http.py"}


async def test_a_server_that_ends_closes_what_is_open_and_frees_its_port() -> None:
    async with serve_any() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")
    async with asyncio.timeout(PATIENCE_S):
        await reader.read()  # to the end
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    async with serve_http(web.Application(), "127.0.0.1", port) as again:
        assert again == port


async def test_a_port_that_is_taken_is_told_and_leaves_nothing_open() -> None:
    async with serve_any() as port:
        with pytest.raises(OSError, match="in use"):
            async with serve_http(web.Application(), "127.0.0.1", port):
                pytest.fail("two servers on one port")
