"""Pictures whose metadata a rule takes out: readers get a copy without it, the archive keeps the picture as it came."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest

from components.archive.blobs.address import parse_address
from components.archive.blobs.directory import DirectoryObjects
from components.archive.errors import LogUnavailable
from components.transfer.checks import FileChecks, Stripper
from components.transfer.inspect.inspector import Inspector
from components.transfer.inspect.limits import InspectLimits
from components.transfer.inspect.picture.exif import read_orientation
from components.transfer.journal import FileJournal
from policy.content.policy import ContentPolicy
from policy.content.rule import ContentAction, Rule, Uploads
from policy.files.built_in import NOT_AMENDED, NOT_AMENDED_TEXT
from policy.files.facts import FileMark
from tests.support.archive import AUDITOR
from tests.support.blobs import open_reader, open_store
from tests.support.file_pictures import (
    make_exif,
    make_gif,
    make_heic,
    make_jpeg,
    make_pages,
    make_png,
    make_tiff,
    make_webp,
)
from tests.support.file_server import FilesUnderTest, details_of, serve_files

# A process of its own looks into files.
pytestmark = pytest.mark.programs

SECRET = b"SECRET PLACE"
PLACE = make_exif(gps=True, orientation=6) + SECRET
XMP = b"http://ns.adobe.com/xap/1.0/\0<x exif:GPSLatitude='51'/>" + SECRET
JPEG = make_jpeg(3, 2, (0xE1, b"Exif\0\0" + PLACE))
PICTURES = {
    "image/jpeg": JPEG,
    "image/png": make_png(3, 2, (b"eXIf", PLACE)),
    "image/webp": make_webp(3, 2, (b"EXIF", PLACE)),
    "image/gif": make_gif(3, 2, b"\x21\xff\x0bXMP DataXMP" + bytes([len(XMP)]) + XMP + b"\0"),
    "image/tiff": make_pages((0x02BC, XMP)),
}


def amending(otherwise: ContentAction = ContentAction.REFUSE) -> Rule:
    matched = Uploads(marks=(FileMark.LOCATION,), otherwise=otherwise)
    return Rule("no-place", ContentAction.AMEND, "Without its place.", matched)


ALL_PICTURES = Rule("no-metadata", ContentAction.AMEND, "", Uploads(types=tuple(sorted(PICTURES))))


@asynccontextmanager
async def serve(root: Path, *rules: Rule, stripper: Stripper | None = None) -> AsyncIterator[FilesUnderTest]:
    inspector = Inspector(InspectLimits())
    try:
        async with serve_files(
            root,
            checks=FileChecks(inspector),
            policy=ContentPolicy(rules or (amending(),)),
            stripper=stripper or inspector,
        ) as files:
            yield files
    finally:
        await inspector.close()


async def put(files: FilesUnderTest, data: bytes, **changes: object) -> tuple[str, int, str]:
    url, headers = files.issue(data, **changes)
    async with files.client.put(url, data=BytesIO(data), headers=headers) as response:
        return url, response.status, await response.text()


async def get(files: FilesUnderTest, url: str) -> bytes:
    async with files.client.get(url) as response:
        assert response.status == 200
        return await response.read()


async def read_blob(files: FilesUnderTest, address: object) -> bytes:
    blob = await open_reader(DirectoryObjects(files.root / "files"), AUDITOR).open(
        parse_address(str(address))
    )
    return b"".join([piece async for piece in blob.read()])


@pytest.mark.parametrize("media_type", PICTURES)
async def test_readers_get_the_copy_and_the_archive_has_both(tmp_path: Path, media_type: str) -> None:
    picture = PICTURES[media_type]
    async with serve(tmp_path) as files:
        url, status, _ = await put(files, picture, name="hall.jpg", media_type=media_type)
        assert status == 201
        seen = await get(files, url)
        assert len(seen) < len(picture)
        assert not any(said in seen for said in (SECRET, b"GPS"))
        assert sum(files.metrics.decided.values()) == files.metrics.decided["release"] == 1
        details = details_of((await files.events())[0])
        assert (details["marks"], details["rules"], details["action"]) == ("location", "no-place", "release")
        assert await read_blob(files, details["blob"]) == picture
        assert await read_blob(files, details["delivered_blob"]) == seen
        assert details["delivered_size_bytes"] == len(seen)
        async with files.client.head(url) as response:
            assert response.headers["ETag"] == f'"{details["delivered_sha256"]}"'
            assert response.headers["Content-Length"] == str(len(seen))
            assert response.headers["Content-Type"] == media_type
        async with files.client.get(url, headers={"Range": "bytes=-5"}) as response:
            assert response.headers["Content-Range"] == f"bytes {len(seen) - 5}-{len(seen) - 1}/{len(seen)}"
            assert await response.read() == seen[-5:]


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/webp"])
async def test_a_picture_is_still_the_right_way_up(tmp_path: Path, media_type: str) -> None:
    async with serve(tmp_path) as files:
        url, _, _ = await put(files, PICTURES[media_type], media_type=media_type)
        seen = await get(files, url)
        assert read_orientation(seen[seen.index(b"MM\0*") :]) == 6


async def test_equal_pictures_have_one_blob_and_one_copy(tmp_path: Path) -> None:
    async with serve(tmp_path) as files:
        await put(files, JPEG)
        kept = files.blobs()
        await put(files, JPEG)
        assert (files.blobs(), len(kept)) == (kept, 4)
        first, second = (details_of(event) for event in await files.events())
        assert (first["blob"], first["delivered_blob"]) == (second["blob"], second["delivered_blob"])


async def test_a_picture_that_says_nothing_is_its_own_copy(tmp_path: Path) -> None:
    async with serve(tmp_path, ALL_PICTURES) as files:
        url, status, _ = await put(files, make_jpeg())
        assert (status, await get(files, url)) == (201, make_jpeg())
        details = details_of((await files.events())[0])
        assert (details["rules"], "delivered_blob" in details, len(files.blobs())) == (
            "no-metadata",
            False,
            2,
        )


@pytest.mark.parametrize("picture", [make_tiff(gps=True), make_heic(exif=PLACE)], ids=["TIFF", "HEIC"])
@pytest.mark.parametrize(
    ("otherwise", "status", "seen"), [(ContentAction.REFUSE, 403, 404), (ContentAction.HOLD, 201, 503)]
)
async def test_what_cannot_be_taken_out_goes_nowhere(
    tmp_path: Path, picture: bytes, otherwise: ContentAction, status: int, seen: int
) -> None:
    async with serve(tmp_path, amending(otherwise)) as files:
        url, answered, text = await put(files, picture)
        assert (answered, await files.status_of(url)) == (status, seen)
        assert text == (f"{NOT_AMENDED_TEXT}\n" if status == 403 else "")
        details = details_of((await files.events())[0])
        assert str(details["rules"]).split() == [NOT_AMENDED, "no-place"]
        # Counted once, as what became of it.
        assert sum(files.metrics.decided.values()) == files.metrics.decided[otherwise.value] == 1
        assert await read_blob(files, details["blob"]) == picture


async def test_a_held_picture_is_handed_out_without_its_place_once_it_is_released(tmp_path: Path) -> None:
    holds = Rule("holds", ContentAction.HOLD, "With compliance.", Uploads(names=("*.jpg",)))
    async with serve(tmp_path, amending(), holds) as files:
        url, status, _ = await put(files, JPEG, name="a.jpg")
        assert (status, await files.status_of(url)) == (201, 503)
        ((upload, _),) = await files.uploads.list_held()
        assert upload.delivered == details_of((await files.events())[0])["delivered_blob"]


@dataclass
class Evil:
    """Writes this in place of a picture, as a process would that the picture has taken over; or ends, or hangs."""

    copy: bytes
    tells: bool = True
    hangs: bool = False

    async def strip(self, fd: int, take: Callable[[bytes], Awaitable[None]]) -> bool:
        assert os.fstat(fd).st_size == len(JPEG)
        await take(self.copy)
        if self.hangs:
            await asyncio.Event().wait()
        return self.tells


@pytest.mark.parametrize(
    "stripper",
    [
        Evil(JPEG),
        Evil(make_png()),
        Evil(make_jpeg(4, 4)),
        Evil(make_jpeg() + b"#!/bin/sh\n"),
        Evil(make_jpeg()[:-20]),
        Evil(b""),
        Evil(b"", tells=False),
        Evil(make_jpeg(), tells=False),
    ],
    ids=["as it was", "another kind", "another size", "more", "less", "empty", "nothing", "broken off"],
)
async def test_a_copy_that_is_no_such_picture_goes_nowhere(tmp_path: Path, stripper: Evil) -> None:
    async with serve(tmp_path, stripper=stripper) as files:
        url, status, _ = await put(files, JPEG)
        assert (status, await files.status_of(url)) == (403, 404)
        details = details_of((await files.events())[0])
        assert await read_blob(files, details["blob"]) == JPEG
        assert len(files.blobs()) == 2


async def test_a_copy_that_takes_too_long_goes_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.transfer.amend._LEFT_TO_STORE_S", 18.0)
    async with serve(tmp_path, stripper=Evil(make_jpeg(), hangs=True)) as files:
        url, status, _ = await put(files, JPEG)
        assert (status, await files.status_of(url)) == (403, 404)


async def test_a_copy_that_is_lost_is_not_replaced_by_the_picture(tmp_path: Path) -> None:
    async with serve(tmp_path) as files:
        url, _, _ = await put(files, JPEG)
        copy = parse_address(str(details_of((await files.events())[0])["delivered_blob"]))
        (files.root / "files" / copy.head_name).unlink()
        assert await files.status_of(url) == 404


async def test_what_could_not_be_recorded_is_put_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(tmp_path) as files:
        url, headers = files.issue(JPEG)
        with monkeypatch.context() as broken:

            async def fail(*_: object) -> None:
                raise LogUnavailable("no such luck")

            broken.setattr(FileJournal, "received", fail)
            async with files.client.put(url, data=BytesIO(JPEG), headers=headers) as response:
                assert response.status == 503
            assert await files.status_of(url) == 404
        async with files.client.put(url, data=BytesIO(JPEG), headers=headers) as response:
            assert response.status == 201
        assert SECRET not in await get(files, url)
        assert [event.name for event in await files.events()] == ["cut-off", "received", "fetched"]


async def test_both_have_one_mark_so_that_one_record_keeps_them(tmp_path: Path) -> None:
    async with serve(tmp_path) as files:
        await put(files, JPEG)
        details = details_of((await files.events())[0])
        both = [parse_address(str(details[name])) for name in ("blob", "delivered_blob")]
        assert both[0].mark == both[1].mark
        assert both[0] != both[1]
        listed = [each async for each in open_store(DirectoryObjects(tmp_path / "files")).list()]
        assert sorted(listed) == sorted(both)
