"""The HTTP side over raw sockets: requests that no well-behaved client sends."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.blobs import content
from tests.support.file_server import FilesUnderTest, serve_files
from tests.support.raw_http import Connection, ask, head, path_of

CONTENT = content(50_000)
CHUNKED = b"c350\r\n" + CONTENT + b"\r\n0\r\n\r\n"


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[FilesUnderTest]:
    async with serve_files(tmp_path) as served:
        yield served


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 50000", "Content-Length: 49999"),
        ("Content-Length: 50000", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked",),
        ("Content-Length: -1",),
        ("Content-Length: +50000",),
        ("Content-Length: 5_0000",),
        ("Content-Length: 99999999999999999999999999",),
        ("Content-Length: 50000", "Content-Encoding: gzip"),
        ("Content-Length: 50000", "Content-Encoding: identity", "Content-Encoding: gzip"),
        ("Content-Length: 50000", "Content-Encoding: identity, br"),
        ("Content-Length: 50000", "Content-Range: bytes 0-49999/50000"),
        ("Content-Length: 50000", "X: a\nb"),
        ("Content-Length : 50000",),
        ("Content-Length: 50000", "X: " + "a" * 20_000),
        ("Content-Length: 50000", *(f"X-{number}: a" for number in range(500))),
    ],
)
async def test_bodies_whose_length_or_form_is_in_doubt(files: FilesUnderTest, lines: tuple[str, ...]) -> None:
    url, headers = files.issue(CONTENT)
    given = [f"{name}: {value}" for name, value in headers.items()]
    status, _ = await ask(files, head("PUT", path_of(url), *given, *lines) + CHUNKED)
    assert 400 <= status < 500
    assert await files.status_of(url) == 404
    assert not files.blobs()
    assert not await files.events()
    await files.put(CONTENT)


@pytest.mark.parametrize("value", ["Bearer \udcff\udcfe", "\udcc3", "Bearer " + "0" * 4000, "Bearer"])
async def test_an_authorization_that_is_none(files: FilesUnderTest, value: str) -> None:
    url, _ = files.issue(CONTENT)
    lines = (f"Authorization: {value}", "Content-Length: 50000")
    assert (await ask(files, head("PUT", path_of(url), *lines) + CONTENT))[0] == 403


NO_FILES = [
    "/f/%2e%2e/%2e%2e/etc/passwd",
    "/f/../../etc/passwd",
    "/f/%00/a",
    "/f/\x00/a",
    "/f//",
    "/f/a",
    "/f/%ff%fe/%ff",
    "/f/" + "A" * 80 + "/%00",
    "/f/" + "A" * 7000 + "/a",
    "/f/" + "A" * 70_000 + "/a",
    "/f/a/" + "%41" * 2000,
    "*",
    "f/a/b",
    "http://files.metals.example/f/a/b",
    "http://elsewhere.example/",
    "//f/a/b",
    "/f/%",
    "/f/a\\b/c",
]


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE", "CONNECT", "TRACE", "GÉT"])
async def test_paths_that_are_no_files(files: FilesUnderTest, method: str) -> None:
    for path in NO_FILES:
        status, answer = await ask(files, head(method, path, "Content-Length: 0"))
        assert 400 <= status < 500 or status == 0, path[:100]
        assert b"Traceback" not in answer, path[:100]


async def test_absolute_form_and_http_1_0(files: FilesUnderTest) -> None:
    url = await files.put(CONTENT)
    for path, version in ((url, "1.1"), (path_of(url), "1.0")):
        status, answer = await ask(files, head("GET", path, version=version))
        assert status == 200
        assert answer.endswith(b"\r\n\r\n" + CONTENT)
    url, headers = files.issue(CONTENT)
    lines = [f"{name}: {value}" for name, value in headers.items()]
    lines += ["Content-Length: 50000", "Expect: 100-continue"]
    status, answer = await ask(files, head("PUT", path_of(url), *lines, version="1.0") + CONTENT)
    assert status == 201
    assert b"100 Continue" not in answer


async def test_a_file_is_asked_for_only_when_its_slot_is_good(files: FilesUnderTest) -> None:
    url, headers = files.issue(CONTENT)
    given = [f"{name}: {value}" for name, value in headers.items()]
    lines = ["Expect: 100-continue", "Content-Length: 50000"]
    refused = await Connection.open(files)
    await refused.send(head("PUT", path_of(url), *lines, "Authorization: Bearer 0"))
    assert (await refused.reader.readline()).startswith(b"HTTP/1.1 403 ")
    refused.writer.close()
    connection = await Connection.open(files)
    await connection.send(head("PUT", path_of(url), *lines, *given))
    assert await connection.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    await connection.send(CONTENT)
    assert (await connection.rest()).startswith(b"HTTP/1.1 201 ")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_unused_slot_opens_nothing(files: FilesUnderTest, method: str) -> None:
    url, headers = files.issue(CONTENT)
    given = [f"{name}: {value}" for name, value in headers.items()]
    assert (await ask(files, head(method, path_of(url), *given)))[0] == 404


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ('a"; filename="b.exe', "text/plain"),
        ("a\r\nSet-Cookie: x=1", "image/png\r\nSet-Cookie: x=1"),
        ("\u2028\u0085é%0d%0aX: y", "image/png; a=\r\nX: y"),
        ("\udcff", "é/é"),
        ("報" * 85, "text/html"),
    ],
)
async def test_names_and_types_make_no_headers(files: FilesUnderTest, name: str, media_type: str) -> None:
    url, headers = files.issue(CONTENT)
    plain = name.encode("utf-8", "replace").decode()
    url, headers = files.issue(CONTENT, name=plain, media_type=media_type)
    given = [f"{key}: {value}" for key, value in headers.items()]
    status, _ = await ask(files, head("PUT", path_of(url), "Content-Length: 50000", *given) + CONTENT)
    assert status == 201
    status, answer = await ask(files, head("GET", path_of(url)))
    names = [line.partition(b":")[0].lower() for line in answer.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]]
    assert status == 200
    assert b"set-cookie" not in names
    assert b"x" not in names
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "request_line",
    [
        "GET {0} HTTP/1.1\r\nX: a\0b",
        "get {0} HTTP/1.1",
        "GET \\{0} HTTP/1.1",
        "PUT {0} HTTP/1.1\r\nA: b\r\n c",
        "{0}",
    ],
)
async def test_what_is_no_http_is_not_repeated(
    files: FilesUnderTest, caplog: pytest.LogCaptureFixture, request_line: str
) -> None:
    """Neither to whoever sends it nor in the log: it may hold a link, which opens a file."""
    caplog.set_level("INFO")
    url = await files.put(CONTENT)
    token = path_of(url).split("/")[2]
    status, answer = await ask(files, f"{request_line.format(path_of(url))}\r\n\r\n".encode())
    assert status == 400
    assert answer.endswith(b"\r\n\r\nthis is no proper HTTP\n")
    assert b"Server: steelyard\r\n" in answer and b"nosniff" in answer
    assert token not in answer.decode() + caplog.text
