"""GET and HEAD: the whole file or ranges of it, only while its link is open, and each look recorded."""

from collections.abc import AsyncIterator
from email.message import Message
from email.parser import BytesParser
from hashlib import sha256
from pathlib import Path

import pytest

from components.archive.errors import LogUnavailable
from components.transfer.journal import FileJournal
from tests.support.archive import START_S
from tests.support.blobs import content
from tests.support.file_server import FilesUnderTest, details_of, serve_files
from tests.support.raw_http import ask, head, path_of

CONTENT = content(300_000)


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[FilesUnderTest]:
    async with serve_files(tmp_path) as served:
        yield served


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-", 0, 300_000),
        ("bytes=65535-65536", 65_535, 65_537),
        ("bytes=-10", 299_990, 300_000),
        ("bytes=131000-299999", 131_000, 300_000),
    ],
)
async def test_a_range(files: FilesUnderTest, header: str, start: int, end: int) -> None:
    url = await files.put(CONTENT)
    async with files.client.get(url, headers={"Range": header}) as response:
        assert response.status == 206
        assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/300000"
        assert await response.read() == CONTENT[start:end]
    fetched = details_of((await files.events())[-1])
    assert (fetched["first_byte"], fetched["end_byte"]) == (start, end)


async def test_several_ranges(files: FilesUnderTest) -> None:
    url = await files.put(CONTENT)
    async with files.client.get(url, headers={"Range": "bytes=0-9,100000-100009,-5"}) as response:
        assert response.status == 206
        body = await response.read()
        assert len(body) == int(response.headers["Content-Length"])
        head = f"Content-Type: {response.headers['Content-Type']}\r\n\r\n".encode()
    parts = BytesParser().parsebytes(head + body).get_payload()
    assert isinstance(parts, list)
    bodies = [part.get_payload(decode=True) for part in parts if isinstance(part, Message)]
    assert [part["Content-Range"] for part in parts if isinstance(part, Message)] == [
        "bytes 0-9/300000",
        "bytes 100000-100009/300000",
        "bytes 299995-299999/300000",
    ]
    assert bodies == [CONTENT[:10], CONTENT[100_000:100_010], CONTENT[-5:]]


async def test_a_range_outside(files: FilesUnderTest) -> None:
    url = await files.put(CONTENT)
    async with files.client.get(url, headers={"Range": "bytes=300000-"}) as response:
        assert response.status == 416
        assert response.headers["Content-Range"] == "bytes */300000"
    assert len(await files.events()) == 1


async def test_head_tells_all_and_sends_nothing(files: FilesUnderTest) -> None:
    url = await files.put(CONTENT)
    async with files.client.head(url, headers={"Range": "bytes=0-9"}) as response:
        assert (response.status, response.headers["Content-Length"]) == (200, "300000")
        assert await response.read() == b""
    assert [event.name for event in await files.events()] == ["received"]


async def test_validators(files: FilesUnderTest) -> None:
    url = await files.put(CONTENT)
    etag = f'"{sha256(CONTENT).hexdigest()}"'
    for condition, status in (
        ({"If-None-Match": f'"a", W/{etag}'}, 304),
        ({"If-None-Match": '"a"'}, 200),
        ({"If-None-Match": "*"}, 304),
        ({"If-Match": "*"}, 200),
        ({"If-Match": f'"a", {etag}'}, 200),
        ({"If-Match": '"a"'}, 412),
        ({"If-Match": f"W/{etag}"}, 412),
    ):
        assert await files.status_of(url, headers=condition) == status
    date = "Mon, 23 Nov 2026 20:04:05 GMT"
    for tag, status in ((etag, 206), ('"another"', 200), (f"W/{etag}", 200), (date, 200), ("bad", 200)):
        assert await files.status_of(url, headers={"Range": "bytes=0-9", "If-Range": tag}) == status


async def test_what_a_browser_is_told(files: FilesUnderTest) -> None:
    url = await files.put(CONTENT)
    async with files.client.get(url) as response:
        headers = response.headers
        await response.read()
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
    assert headers["Cache-Control"] == "private, no-store"
    assert headers["Content-Disposition"].startswith("attachment; ")
    assert headers["Access-Control-Allow-Origin"] == "*"


async def test_a_link_ends(files: FilesUnderTest) -> None:
    url = await files.put(CONTENT)
    files.now_s = START_S + 86_400
    assert await files.status_of(url) == 404
    assert [event.name for event in await files.events()] == ["received"]


async def test_a_look_that_cannot_be_recorded_does_not_happen(
    files: FilesUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise LogUnavailable("the disk is full")

    url = await files.put(CONTENT)
    with monkeypatch.context() as broken:
        broken.setattr(FileJournal, "fetched", fail)
        assert await files.status_of(url) == 503
    assert await files.status_of(url) == 200


async def test_altered_data_are_not_handed_out(files: FilesUnderTest) -> None:
    url = await files.put(CONTENT)
    (data,) = [path for path in files.blobs() if path.parts[-3] == "data"]
    data.write_bytes(data.read_bytes()[:-100])
    assert await files.status_of(url) == 503


async def test_blobs_that_somebody_swapped_are_not_handed_out(files: FilesUnderTest) -> None:
    """Whoever can write to the disk makes no link open another file: with its data alone, or its head, too."""
    contents = content(50_000, 1), content(50_000, 2)
    links = [await files.put(each) for each in contents]
    for folder in ("data", "head"):
        one, other = (path for path in files.blobs() if folder in path.parts)
        kept = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(kept)
        for link in links:
            _, answer = await ask(files, head("GET", path_of(link)))
            assert not any(each[:100] in answer for each in contents)


@pytest.mark.parametrize(
    "name", ["notes.js", "a", "Notes.txt", "notes.txt.js", "notes.txt?.js", "notes.txt%00"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_link_opens_with_the_name_that_was_checked_alone(
    files: FilesUnderTest, method: str, name: str
) -> None:
    """Clients save a file by the name in its link, so that a text would become a program."""
    link = await files.put(CONTENT, name="notes.txt", media_type="text/plain")
    path = path_of(link).removesuffix("notes.txt")
    assert (await ask(files, head(method, path + name)))[0] in (400, 404)
    assert (await ask(files, head(method, path + "no%74es.txt")))[0] == 200
    assert len(await files.events()) == (2 if method == "GET" else 1)


@pytest.mark.parametrize(
    ("networks", "forwarded", "status"),
    [
        (("127.0.0.0/8",), "", 200),
        (("10.0.0.0/8",), "", 403),
        (("10.0.0.0/8",), "10.1.2.3", 403),
    ],
)
async def test_only_to_some_networks(
    tmp_path: Path, networks: tuple[str, ...], forwarded: str, status: int
) -> None:
    async with serve_files(tmp_path, networks=networks) as files:
        url = await files.put(CONTENT)
        assert await files.status_of(url, headers={"X-Forwarded-For": forwarded}) == status


@pytest.mark.parametrize(
    ("forwarded", "status"), [("6.6.6.6, 10.1.2.3", 200), ("10.1.2.3, 6.6.6.6", 403), ("x", 403)]
)
async def test_behind_a_proxy_the_address_is_what_the_proxy_saw(
    tmp_path: Path, forwarded: str, status: int
) -> None:
    async with serve_files(tmp_path, networks=("10.0.0.0/8",), behind_proxy=True) as files:
        url = await files.put(CONTENT)
        assert await files.status_of(url, headers={"X-Forwarded-For": forwarded}) == status


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        (["10.1.2.3", "6.6.6.6"], None),
        (["6.6.6.6", "10.1.2.3"], "10.1.2.3"),
        (["10.1.2.3:4711"], "10.1.2.3"),
        (["::ffff:10.1.2.3"], "10.1.2.3"),
        (["[::ffff:10.1.2.3]:4711"], "10.1.2.3"),
        (["10.1.2.3,"], None),
        (["10.1.2.3, "], None),
        (["\udcff"], None),
        (["10.1.2.3" * 900], None),
    ],
)
async def test_how_proxies_write_addresses(tmp_path: Path, lines: list[str], address: str | None) -> None:
    async with serve_files(tmp_path, networks=("10.0.0.0/8",), behind_proxy=True) as files:
        url = await files.put(CONTENT)
        status, _ = await ask(
            files, head("GET", path_of(url), *(f"X-Forwarded-For: {line}" for line in lines))
        )
        assert status == (200 if address else 403)
        looks = [details_of(event)["address"] for event in await files.events() if event.name == "fetched"]
        assert looks == ([address] if address else [])


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("bytes=", 200),
        ("bytes=-", 200),
        ("bytes=,", 200),
        ("bytes=5-2", 200),
        ("bytes=a-b", 200),
        ("lines=0-5", 200),
        ("bytes=-0", 416),
        ("bytes=0-0,-0", 206),
        ("bytes=" + ",".join(f"{number * 2}-{number * 2}" for number in range(900)), 200),
        ("bytes=" + ",".join("0-" for _ in range(16)), 200),
        ("bytes=" + "9" * 30 + "-", 416),
    ],
)
async def test_odd_ranges(files: FilesUnderTest, header: str, status: int) -> None:
    url = await files.put(CONTENT)
    assert await files.status_of(url, headers={"Range": header}) == status


async def test_ranges_come_in_the_order_of_the_request(files: FilesUnderTest) -> None:
    url = await files.put(CONTENT)
    async with files.client.get(url, headers={"Range": "bytes=-5,0-9"}) as response:
        body = await response.read()
    assert body.index(b"bytes 299995-299999/300000") < body.index(b"bytes 0-9/300000")
    fetched = details_of((await files.events())[-1])
    assert (fetched["first_byte"], fetched["end_byte"]) == (0, 300_000)


async def test_whoever_is_no_reader_gets_nothing(tmp_path: Path) -> None:
    async with serve_files(tmp_path) as files:
        url = await files.put(b"copper", name="a.pdf")
        files.hidden.add("a.pdf")
        for method in ("GET", "HEAD"):
            async with files.client.request(method, url) as response:
                assert (response.status, b"copper" in await response.read()) == (403, False)
        assert [event.name for event in await files.events()] == ["received"]
        files.hidden.clear()
        assert await files.status_of(url) == 200
