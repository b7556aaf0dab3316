"""What only a bucket can do wrong."""

import socket
from pathlib import Path

import pytest

from components.archive.blobs.errors import BlobUnavailable
from components.archive.blobs.s3 import PART_SIZE_BYTES, S3Objects, S3Settings
from tests.support.blobs import content, names, open_reader, open_store, pieces
from tests.support.process import wait_until
from tests.support.s3_server import S3Server

pytestmark = pytest.mark.programs


async def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with socket.socket() as probe:  # bound, and not listening
        probe.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{probe.getsockname()[1]}"
        objects = S3Objects.open(
            S3Settings("blobs", "", endpoint, access_key_id="one", secret_access_key="two", timeout_s=1.0)
        )
        with pytest.raises(BlobUnavailable, match=r"the S3 server failed \(\w+\)$") as caught:
            await open_store(objects).put(pieces(b"tin"), 1)
    assert "two" not in str(caught.value)


async def test_a_server_that_ends_within_a_put(tmp_path: Path) -> None:
    async with S3Server(tmp_path) as server:
        settings = S3Settings(
            "steelyard-blobs",
            "",
            server.endpoint,
            access_key_id="one",
            secret_access_key="two",
            timeout_s=1.0,
        )
        objects = S3Objects.open(settings)

        async def source() -> "object":
            for number in range(40):
                yield content(1 << 20)
                if number == 20:
                    await server.kill9()

        with pytest.raises(BlobUnavailable):
            await open_store(objects).put(source(), 1)  # type: ignore[arg-type]


async def test_a_source_that_fails_aborts_the_upload(s3_server: S3Server) -> None:
    objects = s3_server.objects("aborted")

    async def broken() -> "object":
        for _ in range(3 * PART_SIZE_BYTES // 100_000):
            yield content(100_000)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await open_store(objects).put(broken(), 1)  # type: ignore[arg-type]
    assert await names(objects) == []
    # The client aborts it in a thread of its own.
    assert await wait_until(lambda: s3_server.unfinished_uploads() == 0)


async def test_prefixes_keep_sites_apart(s3_server: S3Server) -> None:
    one, other = s3_server.objects("one/blobs"), s3_server.objects("one/blobs-2")
    address = (await open_store(one).put(pieces(b"tin"), 1)).address
    assert await names(other) == []
    assert (await open_reader(one).open(address)).size_bytes == 3
