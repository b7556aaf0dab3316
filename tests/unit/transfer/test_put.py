"""PUT: a slot takes the one file that it was given for, and what is not answered with 201 leaves nothing."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.errors import BlobUnavailable
from components.archive.errors import LogUnavailable
from components.transfer.journal import FileJournal
from components.transfer.state import Stage
from policy.address import BareJid
from policy.files.slot import DayBytes, DayTimes
from tests.support.archive import START_S
from tests.support.blobs import content
from tests.support.file_server import FilesUnderTest, details_of, serve_files

CONTENT = content(200_000)


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[FilesUnderTest]:
    async with serve_files(tmp_path) as served:
        yield served


async def put(files: FilesUnderTest, url: str, data: Any, headers: dict[str, str]) -> int:
    async with files.client.put(url, data=data, headers=headers) as response:
        await response.read()
        return response.status


async def test_what_is_answered_is_recorded_and_can_be_fetched(files: FilesUnderTest) -> None:
    url = await files.put(CONTENT)
    async with files.client.get(url) as response:
        assert (response.status, await response.read()) == (200, CONTENT)
    received, fetched = await files.events()
    details = details_of(received)
    assert received.name == "received"
    assert details["content_sha256"] == sha256(CONTENT).hexdigest()
    assert (details["owner"], details["file_name"], details["size_bytes"]) == (
        "anna@metals.example",
        "報告 1.pdf",
        len(CONTENT),
    )
    assert (fetched.name, details_of(fetched)["address"]) == ("fetched", "127.0.0.1")
    assert details_of(fetched)["end_byte"] == len(CONTENT)


async def test_equal_files_are_kept_once_and_each_is_recorded(files: FilesUnderTest) -> None:
    first = await files.put(CONTENT)
    stored = files.blobs()
    second = await files.put(CONTENT)
    assert files.blobs() == stored
    assert first != second
    addresses = {details_of(event)["blob"] for event in await files.events()}
    assert len(addresses) == 1


@pytest.mark.parametrize(
    ("sent", "headers", "status"),
    [
        (CONTENT[:-1], {}, 400),
        (CONTENT + b"a", {}, 413),
        (CONTENT, {"Authorization": "Bearer " + "0" * 64}, 403),
        (CONTENT, {"Authorization": ""}, 403),
        (CONTENT, {"Authorization": "Bearer ü"}, 403),
        (CONTENT, {"Content-Type": "text/html"}, 415),
        (CONTENT, {"Content-Type": "application/PDF; charset=x"}, 201),
        (CONTENT, {"Expect": "100-continue"}, 201),
    ],
    ids=["short", "long", "forged", "bare", "odd", "type", "same type", "asked first"],
)
async def test_what_a_slot_takes(
    files: FilesUnderTest, sent: bytes, headers: dict[str, str], status: int
) -> None:
    url, authorization = files.issue(CONTENT)
    assert await put(files, url, sent, authorization | headers) == status
    assert await files.status_of(url) == (200 if status == 201 else 404)
    assert bool(files.blobs()) is (status == 201)
    assert len(await files.events()) == (2 if status == 201 else 0)


async def test_a_slot_without_a_type_takes_any(files: FilesUnderTest) -> None:
    url, headers = files.issue(CONTENT, media_type="application/octet-stream")
    assert await put(files, url, CONTENT, headers | {"Content-Type": "image/png"}) == 201
    async with files.client.get(url) as response:
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["Content-Disposition"].startswith("attachment")


async def test_without_a_length_nothing_is_taken(files: FilesUnderTest) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield CONTENT

    url, headers = files.issue(CONTENT)
    assert await put(files, url, chunks(), headers) == 411
    assert not files.blobs()


async def test_a_slot_is_used_once(files: FilesUnderTest) -> None:
    url, headers = files.issue(CONTENT)
    assert sorted(await asyncio.gather(*(put(files, url, CONTENT, headers) for _ in range(4)))) == [
        201,
        409,
        409,
        409,
    ]
    assert await put(files, url, CONTENT, headers) == 409
    assert len(await files.events()) == 1


async def test_a_slot_is_not_used_with_anothers_authorization(files: FilesUnderTest) -> None:
    url, own = files.issue(CONTENT)
    other, others = files.issue(CONTENT, owner=BareJid("ben@metals.example"))
    assert await put(files, url, CONTENT, others) == 403
    assert await put(files, other, CONTENT, own) == 403
    assert not files.blobs()
    assert await put(files, url, CONTENT, own) == 201


async def test_a_slot_lapses(files: FilesUnderTest) -> None:
    url, headers = files.issue(CONTENT)
    files.now_s = START_S + 300
    assert await put(files, url, CONTENT, headers) == 410


async def test_whoever_has_left_uploads_nothing_more(files: FilesUnderTest) -> None:
    url, headers = files.issue(CONTENT)
    files.admitted.clear()
    assert await put(files, url, CONTENT, headers) == 403


async def test_a_link_of_another_key_or_without_a_slot_opens_nothing(files: FilesUnderTest) -> None:
    url, headers = files.issue(CONTENT)
    token = url.split("/")[-2]
    altered = url.replace(token, token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"))
    assert await put(files, altered, CONTENT, headers) == 404
    files.uploads.forget([(1).to_bytes(16, "big")])
    assert await put(files, url, CONTENT, headers) == 404


async def test_a_client_that_goes_away_leaves_nothing_and_may_come_again(files: FilesUnderTest) -> None:
    url, headers = files.issue(CONTENT)
    reader, writer = await asyncio.open_connection("127.0.0.1", files.port)
    path = url.partition(f":{files.port}")[2]
    lines = [f"PUT {path} HTTP/1.1", "Host: a", f"Content-Length: {len(CONTENT)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join((*lines, "", "")).encode() + CONTENT[:100_000])
    await writer.drain()
    writer.close()
    await reader.read()
    # The server has seen the end when the slot can be used again.
    async with asyncio.timeout(30):
        while await put(files, url, CONTENT, headers) != 201:
            pass
    assert await files.status_of(url) == 200


@pytest.mark.slow
async def test_two_hundred_at_once(files: FilesUnderTest) -> None:
    contents = [content(5_000, seed) for seed in range(200)]
    urls = await asyncio.gather(*map(files.put, contents))
    assert len({details_of(event)["blob"] for event in await files.events()}) == 200
    assert await files.status_of(urls[-1]) == 200


async def test_what_cannot_be_recorded_is_not_answered_nor_handed_out(
    files: FilesUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise LogUnavailable("the disk is full")

    url, headers = files.issue(CONTENT)
    with monkeypatch.context() as broken:
        broken.setattr(FileJournal, "received", fail)
        assert await put(files, url, CONTENT, headers) == 503
    assert await files.status_of(url) == 404
    assert files.stored == ["the disk is full"]


async def test_what_cannot_be_stored_is_not_answered(
    files: FilesUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise BlobUnavailable("the disk is full")

    url, headers = files.issue(CONTENT)
    with monkeypatch.context() as broken:
        broken.setattr(DirectoryObjects, "write", fail)
        assert await put(files, url, CONTENT, headers) == 503
    assert await put(files, url, CONTENT, headers) == 201
    # What is wrong with a request says nothing about the store.
    assert await put(files, url, CONTENT, headers) == 409
    assert files.stored == ["the disk is full", ""]


async def test_other_paths_and_methods(files: FilesUnderTest) -> None:
    url, _headers = files.issue(CONTENT)
    async with files.client.options(url) as response:
        assert response.status == 204
        assert "PUT" in response.headers["Access-Control-Allow-Methods"]
        assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
    for method, path in (("POST", url), ("DELETE", url), ("GET", url.rpartition("/f/")[0] + "/")):
        async with files.client.request(method, path) as response:
            assert response.status in (404, 405)


async def test_the_space_of_a_day(files: FilesUnderTest) -> None:
    await files.put(CONTENT)
    files.issue(b"a" * 1000, owner=BareJid("ben@metals.example"))
    files.issue(b"a" * 50, lapses_at_s=START_S - 1)
    anna = await files.uploads.usage(BareJid("anna@metals.example"), "metals", START_S + 10)  # type: ignore[arg-type]
    assert anna.day == DayBytes(person=200_000, enterprise=201_000, site=201_000)
    later = await files.uploads.usage(BareJid("anna@metals.example"), "metals", START_S + 86_400 + 60)  # type: ignore[arg-type]
    assert later.day.site == 0
    # Each by what is its own: an older file of a colleague's does not make room for Anna's.
    ben = await files.uploads.usage(BareJid("ben@metals.example"), "metals", START_S + 10)  # type: ignore[arg-type]
    # To the minute: START_S is 5 seconds past one.
    assert anna.free_at_s == DayTimes(START_S + 86_455, START_S + 300, START_S + 300)
    assert ben.free_at_s == DayTimes(START_S + 300, START_S + 300, START_S + 300)
    assert later.free_at_s == DayTimes(*[START_S + 86_460] * 3)
    files.uploads.forget_lapsed(START_S + 301)
    assert await files.uploads.find((2).to_bytes(16, "big")) is None
    kept = await files.uploads.find((1).to_bytes(16, "big"))
    assert kept is not None
    assert kept.stage is Stage.ANSWERED
