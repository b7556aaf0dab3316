"""What came to nothing: a stored file that was not answered is recorded once, and what is over is forgotten."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from components.archive.errors import LogUnavailable
from components.archive.reader import LogReader
from components.archive.writer import LogWriter
from components.transfer import tidy
from components.transfer.day_use import DAY_S
from components.transfer.journal import FileJournal
from components.transfer.state import Stage, UploadStore
from components.transfer.tidy import finish_cut_off, keep_tidy
from tests.support.archive import START_S
from tests.support.blobs import content
from tests.support.file_server import FilesUnderTest, details_of, serve_files
from tests.support.process import PATIENCE_S

FIRST = (1).to_bytes(16, "big")
BLOB = "1/" + "0" * 64


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[FilesUnderTest]:
    async with serve_files(tmp_path) as served:
        yield served


@pytest.fixture
async def reader(files: FilesUnderTest) -> AsyncIterator[LogReader]:
    reader = await LogReader.open(files.root / "transfer.db")
    yield reader
    await reader.close()


async def test_what_a_crash_cut_off_is_recorded_and_cannot_be_fetched(
    files: FilesUnderTest, reader: LogReader
) -> None:
    url, headers = files.issue(content(10))
    files.uploads.mark_stored(FIRST, BLOB)
    assert [each.stage for each in await files.uploads.list_stored()] == [Stage.STORED]
    assert await files.status_of(url) == 404
    assert await finish_cut_off(files.uploads, files.journal, reader) == 1
    assert await finish_cut_off(files.uploads, files.journal, reader) == 0
    async with files.client.put(url, data=content(10), headers=headers) as response:
        assert response.status == 404
    (event,) = await files.events()
    assert event.name == "cut-off"
    assert details_of(event)["blob"] == BLOB


async def test_what_ends_between_the_record_and_the_state_is_recorded_once(
    files: FilesUnderTest, reader: LogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LogUnavailable("killed")

    for number in range(3):
        files.issue(content(10))
        files.uploads.mark_stored((number + 1).to_bytes(16, "big"), BLOB)
    with monkeypatch.context() as broken:
        broken.setattr(UploadStore, "forget", fail)
        for _ in range(2):
            with pytest.raises(LogUnavailable):
                await finish_cut_off(files.uploads, files.journal, reader)
    assert await finish_cut_off(files.uploads, files.journal, reader) == 3
    assert [event.name for event in await files.events()] == ["cut-off"] * 3
    assert len({details_of(event)["file"] for event in await files.events()}) == 3


async def test_what_was_not_recorded_may_be_put_again_and_has_its_record(
    files: FilesUnderTest, reader: LogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise LogUnavailable("the disk is full")

    first, second = content(100, 1), content(100, 2)
    url, headers = files.issue(first)
    with monkeypatch.context() as broken:
        broken.setattr(LogWriter, "append", fail)
        for _ in range(2):
            async with files.client.put(url, data=first, headers=headers) as response:
                assert response.status == 503
                assert response.headers["Retry-After"]
            assert await files.status_of(url) == 404
    async with files.client.put(url, data=second, headers=headers) as response:
        assert response.status == 201
    async with files.client.get(url) as response:
        assert await response.read() == second
    cut_off, received, _fetched = await files.events()
    assert (cut_off.name, received.name) == ("cut-off", "received")
    assert details_of(cut_off)["blob"] != details_of(received)["blob"]
    assert await finish_cut_off(files.uploads, files.journal, reader) == 0


async def test_what_was_recorded_is_not_recorded_again(
    files: FilesUnderTest, reader: LogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LogUnavailable("the disk is full")

    url, headers = files.issue(content(100))
    with monkeypatch.context() as broken:
        broken.setattr(UploadStore, "settle", fail)
        for _ in range(2):
            async with files.client.put(url, data=content(100), headers=headers) as response:
                assert response.status == 503
            assert await files.status_of(url) == 404
    async with files.client.put(url, data=content(100), headers=headers) as response:
        assert response.status == 201
    assert await files.status_of(url) == 200
    assert [event.name for event in await files.events()] == ["received", "fetched"]
    assert await finish_cut_off(files.uploads, files.journal, reader) == 0


@pytest.mark.slow
async def test_what_is_over_is_forgotten(
    files: FilesUnderTest, reader: LogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    await files.put(content(10))
    files.issue(content(10))
    files.issue(content(10))
    files.uploads.mark_stored((3).to_bytes(16, "big"), BLOB)
    ids = [number.to_bytes(16, "big") for number in (1, 2, 3)]

    was_tidied = asyncio.Event()

    async def finish(uploads: UploadStore, journal: FileJournal, reader: LogReader, before_s: int) -> int:
        count = await finish_cut_off(uploads, journal, reader, before_s)
        was_tidied.set()
        return count

    monkeypatch.setattr(tidy, "finish_cut_off", finish)

    async def tidy_at(now_s: int) -> list[bool]:
        monkeypatch.setattr("time.time", lambda: float(now_s))
        was_tidied.clear()
        tidying = asyncio.create_task(keep_tidy(files.uploads, files.journal, reader))
        async with asyncio.timeout(PATIENCE_S):
            await was_tidied.wait()
        tidying.cancel()
        return [await files.uploads.find(id_) is not None for id_ in ids]

    assert await tidy_at(START_S + 6 * DAY_S) == [True] * 3
    assert await tidy_at(START_S + 7 * DAY_S + 300) == [True, False, True]
    assert await tidy_at(START_S + 9 * DAY_S) == [False] * 3
    assert [event.name for event in await files.events()] == ["received", "cut-off"]
