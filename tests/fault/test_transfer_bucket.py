"""Files whose bucket is down, slow or cut off, over a network that fails: 201 means stored, 503 opens nothing."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from components.archive.blobs.s3 import S3Objects
from components.transfer import receive
from tests.support.bad_network import BadNetwork
from tests.support.blobs import content
from tests.support.file_server import FilesUnderTest, serve_files
from tests.support.process import PATIENCE_S
from tests.support.raw_http import ask, head, path_of
from tests.support.s3_server import S3Server

# More than one part of an upload to S3, so that a bucket can fail in the middle.
LARGE = content(9 << 20)
SMALL = content(20_000)
_PREFIXES = itertools.count()


@dataclass
class Bucketed:
    """Files that are kept in a bucket, and the network between."""

    files: FilesUnderTest
    network: BadNetwork

    async def put(self, data: bytes, slot: tuple[str, dict[str, str]]) -> int:
        url, headers = slot
        async with self.files.client.put(url, data=BytesIO(data), headers=headers) as response:
            assert response.status != 503 or "Retry-After" in response.headers
            return response.status

    async def require_in_order(self, data: bytes, slot: tuple[str, dict[str, str]]) -> None:
        """Require that the slot of a file that was not stored takes it, and that it is handed out and recorded once."""
        assert await self.files.status_of(slot[0]) == 404
        assert "received" not in [event.name for event in await self.files.events()]
        assert await self.put(data, slot) == 201
        async with self.files.client.get(slot[0]) as response:
            assert (response.status, await response.read()) == (200, data)
        assert [event.name for event in await self.files.events()].count("received") == 1


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(tmp_path_factory.mktemp("s3"))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
async def bucketed(s3_server: S3Server, tmp_path: Path) -> AsyncIterator[Bucketed]:
    port = urlsplit(s3_server.endpoint).port
    assert port is not None
    async with BadNetwork(port) as network:
        settings = replace(
            s3_server.settings(f"bucketed-{next(_PREFIXES)}"),
            endpoint=f"http://127.0.0.1:{network.port}",
            timeout_s=2.0,
        )
        async with serve_files(tmp_path, objects=S3Objects.open(settings)) as files:
            yield Bucketed(files, network)


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "parts"])
async def test_a_bucket_that_is_down_and_comes_back(bucketed: Bucketed, data: bytes) -> None:
    slot = bucketed.files.issue(data)
    bucketed.network.is_up = False
    assert await bucketed.put(data, slot) == 503
    bucketed.network.is_up = True
    await bucketed.require_in_order(data, slot)


@pytest.mark.parametrize("after_bytes", [0, 3_000_000, 8_400_000, 9_000_000])
async def test_a_bucket_that_stalls_in_the_middle(
    bucketed: Bucketed, monkeypatch: pytest.MonkeyPatch, after_bytes: int
) -> None:
    slot = bucketed.files.issue(LARGE)
    with monkeypatch.context() as impatient:
        impatient.setattr(receive, "_STORED_WITHIN_S", 1.0)
        bucketed.network.stall(after_bytes)
        async with asyncio.timeout(PATIENCE_S):
            assert await bucketed.put(LARGE, slot) == 503
    bucketed.network.go_on()
    await bucketed.require_in_order(LARGE, slot)


async def test_a_bucket_that_is_cut_off_in_the_middle_and_is_down(bucketed: Bucketed) -> None:
    slot = bucketed.files.issue(LARGE)
    bucketed.network.stall(3_000_000)
    putting = asyncio.create_task(bucketed.put(LARGE, slot))
    async with asyncio.timeout(PATIENCE_S):
        await bucketed.network.wait_for_stall()
        bucketed.network.is_up = False
        bucketed.network.cut()
        bucketed.network.go_on()
        assert await putting == 503
    bucketed.network.is_up = True
    await bucketed.require_in_order(LARGE, slot)


async def test_nothing_is_handed_out_while_the_bucket_is_down(bucketed: Bucketed) -> None:
    url = await bucketed.files.put(LARGE)
    bucketed.network.is_up = False
    bucketed.network.cut()
    status, answer = await ask(bucketed.files, head("GET", path_of(url)))
    assert status == 503
    assert LARGE[:100] not in answer
    bucketed.network.is_up = True
    async with bucketed.files.client.get(url) as response:
        assert await response.read() == LARGE


async def test_a_bucket_that_ends_while_a_file_is_handed_out(bucketed: Bucketed) -> None:
    """What has come is the beginning of the file, and nobody takes it for the whole."""
    data = content(24 << 20)
    url = await bucketed.files.put(data)
    received = b""
    with pytest.raises(aiohttp.ClientPayloadError):
        async with bucketed.files.client.get(url) as response:
            received += await response.content.readexactly(1000)
            bucketed.network.is_up = False
            bucketed.network.cut()
            async for piece in response.content.iter_any():
                received += piece
    assert data.startswith(received)
    bucketed.network.is_up = True
    assert await bucketed.files.status_of(url) == 200
