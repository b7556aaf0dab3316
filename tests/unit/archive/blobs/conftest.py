"""Both kinds of object store, each test with one of its own."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.objects import ObjectStore
from tests.support.s3_server import S3Server

_PREFIXES = itertools.count()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(tmp_path_factory.mktemp("s3"))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture(params=["directory", pytest.param("s3", marks=pytest.mark.programs)])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "directory":
        return DirectoryObjects(tmp_path / "blobs")
    server: S3Server = request.getfixturevalue("s3_server")
    return server.objects(f"test-{next(_PREFIXES)}")
