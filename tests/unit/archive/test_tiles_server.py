"""Tiles over HTTP: the right bytes with the right headers, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from components.tiles import server as tiles_server
from components.tiles.server import TileServer
from tests.support.archive import copy_log, entries, open_writer, tamper
from tests.support.tiles import Published, publish


@asynccontextmanager
async def serving(**logs: Path) -> AsyncIterator[aiohttp.ClientSession]:
    server = TileServer(logs)
    port = await server.start("127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            yield session
    finally:
        await server.close()


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return asyncio.run(publish(tmp_path_factory.mktemp("served"), (1, 300, 700)))


async def test_it_serves_what_a_folder_holds(published: Published) -> None:
    async with serving(gate=published.log) as session:
        for file in published.folder.rglob("*"):
            if not file.is_file():
                continue
            async with session.get(f"/gate/{file.relative_to(published.folder)}") as answer:
                assert answer.status == 200, file
                assert await answer.read() == file.read_bytes(), file


async def test_the_checkpoint_is_text_that_is_soon_stale(published: Published) -> None:
    async with serving(gate=published.log) as session, session.get("/gate/checkpoint") as answer:
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["Cache-Control"] == "public, max-age=1"


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/003.p/5", "tile/entries/000", "tile/entries/001.p/3"])
async def test_tiles_are_bytes_that_stay(path: str, published: Published) -> None:
    async with serving(gate=published.log) as session, session.get(f"/gate/{path}") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "gate",
        "gate/",
        "gate/tile",
        "gate/tile/",
        "gate/tile/0/",
        "gate/tile/0/004",
        "gate/tile/0/003.p/255",
        "gate/tile/1/000",
        "gate/tile/1/000.p/4",
        "gate/tile/2/000.p/1",
        "gate/tile/entries/003",
        "gate/tile/0/x999/x999/x999/x999/x999/999",
        "gate/tile/8/0/000",
        "gate/checkpoint/",
        "gate/checkpoints",
        "gate/../gate.db",
        "gate/%2e%2e/gate.db",
        "gate/%2e%2e%2fgate.db",
        "audit/checkpoint",
        "gate.db",
    ],
)
async def test_nothing_else_is_there(path: str, published: Published) -> None:
    async with serving(gate=published.log) as session, session.get(f"/{path}") as answer:
        assert answer.status == 404
        assert "max-age" not in answer.headers.get("Cache-Control", "")


async def test_head_gives_the_headers_alone(published: Published) -> None:
    async with serving(gate=published.log) as session, session.head("/gate/tile/0/000") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Length"] == "8192"
        assert await answer.read() == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused(method: str, published: Published) -> None:
    async with (
        serving(gate=published.log) as session,
        session.request(method, "/gate/checkpoint", data=b"x" * 100) as answer,
    ):
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET,HEAD"


async def test_it_follows_the_log(tmp_path: Path) -> None:
    log = tmp_path / "gate.db"
    async with serving(gate=log) as session:
        async with session.get("/gate/checkpoint") as answer:
            assert answer.status == 503  # not there yet: its writer makes it
            assert answer.headers["Retry-After"] == "1"
        writer = await open_writer(log)
        async with session.get("/gate/checkpoint") as answer:
            assert (await answer.text()).split("\n")[1] == "0"
        await writer.append(entries(0, 9))
        async with session.get("/gate/tile/entries/000.p/1") as answer:
            assert answer.status == 404  # durable, but no checkpoint covers it
        await writer.sign()
        async with session.get("/gate/tile/entries/000.p/10") as answer:
            assert answer.status == 200
        async with session.get("/gate/checkpoint") as answer:
            assert (await answer.text()).split("\n")[1] == "10"
        await writer.close()


async def test_a_damaged_log_is_no_answer(published: Published, tmp_path: Path) -> None:
    log = copy_log(published.log, tmp_path / "damaged.db")
    tamper(log, "DELETE FROM tile WHERE level = 0 AND n = 1", "DELETE FROM record WHERE idx = 3")
    async with serving(gate=log) as session:
        for path in ("tile/0/001", "tile/entries/000"):
            async with session.get(f"/gate/{path}") as answer:
                assert answer.status == 500
                assert answer.headers["Cache-Control"] == "no-store"
        async with session.get("/gate/tile/0/000") as answer:
            assert answer.status == 200


async def test_connections_are_bounded(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles_server, "MAX_CONNECTIONS", 3)
    server = TileServer({"gate": published.log})
    port = await server.start("127.0.0.1", 0)
    request = b"GET /gate/checkpoint HTTP/1.1\r\nHost: x\r\n\r\n"
    kept = []
    for _ in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        assert b"200" in await reader.readline()
        kept.append(writer)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await reader.read() == b""
    writer.close()
    kept.pop().close()
    while True:  # the place is free as soon as the server has seen the end
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        if answer := await reader.readline():
            assert b"200" in answer
            break
        writer.close()
    for each in (*kept, writer):
        each.close()
    await server.close()


async def test_requests_at_once_are_bounded(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles_server, "MAX_REQUESTS", 0)
    async with serving(gate=published.log) as session, session.get("/gate/checkpoint") as answer:
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "1"
