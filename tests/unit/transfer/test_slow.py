"""Clients that are slow, that stall, or that go away, and many at once: nothing of theirs stays, nobody is kept out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from components.transfer import fetch, receive
from tests.support.blobs import content
from tests.support.file_server import FilesUnderTest, serve_files
from tests.support.process import PATIENCE_S, wait_until
from tests.support.raw_http import Connection, head, path_of

pytestmark = pytest.mark.slow

# aiohttp looks once whether a new connection has sent a request, and not at all if until then the loop had no time for
# the connection. The site waits 30 s.
IDLE_S = 3.0
CONTENT = content(50_000)
LARGE = content(8_000_000)


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[FilesUnderTest]:
    async with serve_files(tmp_path, idle_s=IDLE_S) as served:
        yield served


async def require_in_order(files: FilesUnderTest) -> None:
    """Require that a file can be put and fetched."""
    assert await files.status_of(await files.put(CONTENT)) == 200


def open_files(files: FilesUnderTest) -> list[str]:
    """Return the names of the store's files that this process has open."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            name = str(descriptor.readlink())
            if name.startswith(str(files.root / "files")):
                found.append(name)
    return found


async def test_headers_that_come_slowly_end_and_keep_nobody_out(files: FilesUnderTest) -> None:
    slow = await asyncio.gather(*(Connection.open(files) for _ in range(100)))

    async def drip(connection: Connection) -> bytes:
        """Send a byte every tenth of the time in which a whole request must have come."""
        for byte in head("GET", "/f/a/b", "X: " + "a" * 4000):
            if connection.ended:
                break
            await connection.send(bytes([byte]))
            await asyncio.sleep(0.1)
        return await connection.rest()

    dripping = [asyncio.create_task(drip(connection)) for connection in slow]
    await require_in_order(files)
    async with asyncio.timeout(PATIENCE_S):
        assert set(await asyncio.gather(*dripping)) <= {b""}
    await require_in_order(files)


async def test_a_second_request_that_comes_slowly_ends(files: FilesUnderTest) -> None:
    url = await files.put(CONTENT)
    connection = await Connection.open(files)
    await connection.send(head("HEAD", path_of(url)).replace(b"Connection: close\r\n", b"") + b"GET /f")
    assert (await connection.rest()).startswith(b"HTTP/1.1 200 ")


async def test_a_file_that_comes_too_slowly_is_refused(
    files: FilesUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "_GRACE_S", 0.3)
    monkeypatch.setattr(receive, "_LEAST_BYTES_PER_S", 1 << 30)
    url, headers = files.issue(CONTENT)
    given = [f"{name}: {value}" for name, value in headers.items()]
    connection = await Connection.open(files)
    await connection.send(head("PUT", path_of(url), "Content-Length: 50000", *given))

    async def drip() -> None:
        while not connection.ended:
            await connection.send(b"a")
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    assert (await connection.reader.readline()).startswith(b"HTTP/1.1 408 ")
    dripping.cancel()
    connection.writer.close()
    assert not files.blobs()
    monkeypatch.undo()
    async with files.client.put(url, data=CONTENT, headers=headers) as response:
        assert response.status == 201


async def test_a_client_that_has_said_all_and_shuts_its_side(files: FilesUnderTest) -> None:
    """It may hear nothing more; then its file is whole and recorded, or its slot is as it was."""
    url, headers = files.issue(CONTENT)
    given = [f"{name}: {value}" for name, value in headers.items()]
    connection = await Connection.open(files)
    await connection.send(head("PUT", path_of(url), "Content-Length: 50000", *given) + CONTENT)
    connection.writer.write_eof()
    answer = await connection.rest()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 201 ")
    async with asyncio.timeout(PATIENCE_S):
        while await files.status_of(url) != 200:
            async with files.client.put(url, data=CONTENT, headers=headers) as response:
                assert response.status in (201, 409)
    assert [event.name for event in await files.events()] == ["received", "fetched"]


async def test_readers_that_go_away_leave_nothing_open(files: FilesUnderTest) -> None:
    url = await files.put(LARGE)
    tasks = len(asyncio.all_tasks())
    for _ in range(20):
        connection = await Connection.open(files)
        await connection.send(head("GET", path_of(url)))
        assert await connection.reader.readexactly(1000)
        connection.writer.transport.abort()
    assert await wait_until(lambda: len(asyncio.all_tasks()) <= tasks and not open_files(files))
    await require_in_order(files)


async def test_a_reader_that_takes_nothing_is_cut_off(
    files: FilesUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await files.put(LARGE)
    monkeypatch.setattr(fetch, "_STALLED_AFTER_S", 0.2)
    connection = await Connection.open(files)
    connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
    tasks = len(asyncio.all_tasks())
    with capture_logs() as told:
        await connection.send(head("GET", path_of(url)))
        assert await wait_until(lambda: [each.get("reason") for each in told] == ["its reader stalled"])
    assert await wait_until(lambda: len(asyncio.all_tasks()) <= tasks and not open_files(files))
    connection.writer.transport.abort()


async def test_a_blob_that_is_damaged_farther_on_is_not_taken_for_whole(files: FilesUnderTest) -> None:
    url = await files.put(LARGE)
    (data,) = [path for path in files.blobs() if path.parts[-3] == "data"]
    damaged = bytearray(data.read_bytes())
    damaged[6_000_000] ^= 1
    data.write_bytes(damaged)
    for ranges in ({}, {"Range": "bytes=0-9,5000000-7000000"}):
        received = b""
        with pytest.raises(aiohttp.ClientPayloadError):
            async with files.client.get(url, headers=ranges) as response:
                async for piece in response.content.iter_any():
                    received += piece
        assert b"HTTP/1.1" not in received
        assert ranges or LARGE.startswith(received)
    await require_in_order(files)


async def test_two_hundred_readers_at_once(files: FilesUnderTest) -> None:
    url = await files.put(CONTENT)
    assert await asyncio.gather(*(files.status_of(url) for _ in range(200))) == [200] * 200
    assert len(await files.events()) == 201
    assert not open_files(files)
