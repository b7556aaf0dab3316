"""What a request of a machine says, and bodies that come and go piece by piece (docs/feed.md)."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import cast
from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request

from components.archive.blobs.errors import BlobError
from components.feed.asked import (
    LONGEST_WAIT_S,
    MACHINE,
    log_of,
    machine_of,
    number_of,
    record_of,
    tell,
    wait_of,
)
from components.feed.files import FileUnknown, Pieces
from components.feed.machines import Machine
from components.feed.stream import PIECE_BYTES, Stalled, TooLong, cut, read_body, send_pieces
from policy.supervision.reviewer import Parties, Reviewer, Role

PATIENCE_S = 5.0
ERIN = Reviewer("erin", "Erin", frozenset({Role.AUDITOR}), frozenset({"metals"}))
MACHINE_OF_ERIN = Machine("erin-desk", {"erin": ERIN}, frozenset({"gate", "audit"}), None)


def request(query: str = "", **matched: str) -> web.Request:
    made = make_mocked_request("GET", f"/x?{query}", match_info=matched)
    made[MACHINE] = MACHINE_OF_ERIN
    return made


def test_a_log_that_the_machine_does_not_get_is_not_there() -> None:
    assert machine_of(request()) is MACHINE_OF_ERIN
    assert log_of(request(log="audit")) == "audit"
    for name in ("roster", "", "GATE"):
        with pytest.raises(web.HTTPNotFound):
            log_of(request(log=name))


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("7", 7), ("9" * 15, 10**15 - 1), ("007", 7)])
def test_a_record_is_a_number(text: str, number: int) -> None:
    assert record_of(request(record=text)) == number


@pytest.mark.parametrize("text", ["", "-1", "1.0", "x", "9" * 16, "٣", " 7", "7\n"])
def test_what_is_no_record_is_not_there(text: str) -> None:
    with pytest.raises(FileUnknown):
        record_of(request(record=text))


@pytest.mark.parametrize(("query", "number"), [("", 5), ("from=0", 0), ("from=-3", -3), ("other=1", 5)])
def test_a_number_has_a_default(query: str, number: int) -> None:
    assert number_of(request(query), "from", 5) == number


@pytest.mark.parametrize("text", ["x", "", "1.5", "0x10", "1" * 5_000])
def test_what_is_no_number_is_a_bad_request(text: str) -> None:
    with pytest.raises(web.HTTPBadRequest):
        number_of(request(f"from={text}"), "from", 5)


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("", 0.0),
        ("wait=3", 3.0),
        ("wait=-3", 0.0),
        ("wait=26", LONGEST_WAIT_S),
        (f"wait={'9' * 400}", LONGEST_WAIT_S),  # more than any float
        (f"wait=-{'9' * 400}", 0.0),
    ],
)
def test_nobody_waits_longer_than_the_longest(query: str, seconds: float) -> None:
    found = wait_of(request(query))
    assert (found, type(found)) == (seconds, float)


async def test_what_is_wrong_is_told_as_json() -> None:
    answer = tell(404, "there is no such log")
    assert (answer.status, answer.content_type) == (404, "application/json")
    assert json.loads(answer.text or "") == {"problem": "there is no such log"}
    assert answer.keep_alive is not False
    assert tell(403, "no", closes=True).keep_alive is False


def test_a_machine_sees_what_one_of_its_auditors_sees() -> None:
    frank = Reviewer("frank", "Frank", frozenset({Role.AUDITOR}), frozenset({"grain"}))
    both = Machine("desk", {"erin": ERIN, "frank": frank}, frozenset(), None)
    metals, grain, oil = (
        Parties(frozenset({f"a@{firm}.example"}), frozenset({firm})) for firm in ("metals", "grain", "oil")
    )
    assert [MACHINE_OF_ERIN.may_see(each) for each in (metals, grain, oil)] == [True, False, False]
    assert [both.may_see(each) for each in (metals, grain, oil)] == [True, True, False]


def body_of(*pieces: bytes, ends: bool = True) -> web.Request:
    reader = StreamReader(Mock(_reading_paused=False, connected=True), 2**16, loop=asyncio.get_running_loop())
    for piece in pieces:
        reader.feed_data(piece)
    if ends:
        reader.feed_eof()
    return make_mocked_request("POST", "/x", payload=reader)


async def test_a_body_is_read_whole_up_to_its_bound() -> None:
    assert await read_body(body_of(), 10, PATIENCE_S) == b""
    assert await read_body(body_of(b"12345", b"67890"), 10, PATIENCE_S) == b"1234567890"
    with pytest.raises(TooLong, match="more than 9 bytes"):
        await read_body(body_of(b"12345", b"67890"), 9, PATIENCE_S)


async def test_a_body_that_does_not_go_on_is_given_up() -> None:
    with pytest.raises(Stalled):
        await read_body(body_of(b"12345", ends=False), 10, 0.01)


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
async def test_a_body_in_pieces_is_the_same_body(size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    pieces = [piece async for piece in cut(body)]
    assert b"".join(pieces) == body
    assert all(0 < len(piece) <= PIECE_BYTES for piece in pieces)


class Listed:
    """Says of a machine that it is listed, so many times."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self) -> bool:
        self.left -= 1
        return self.left >= 0


async def pieces_of(*pieces: bytes, then: Exception | None = None) -> Pieces:
    for piece in pieces:
        yield piece
    if then is not None:
        raise then


class Server:
    """A server that answers each request with these pieces."""

    def __init__(self, content: tuple[int, Pieces], listed: Listed) -> None:
        self.content, self.listed = content, listed

    async def answer(self, asked: web.Request) -> web.StreamResponse:
        return await send_pieces(asked, "erin-desk", self.content, self.listed, PATIENCE_S)


async def fetch(size: int, pieces: Pieces, listed: int = 1_000) -> AsyncIterator[bytes]:
    """Yield the bytes that a client gets over a real connection, head and all."""
    app = web.Application()
    app.router.add_get("/", Server((size, pieces), Listed(listed)).answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server = cast(asyncio.Server, site._server)
    port = server.sockets[0].getsockname()[1]
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        try:
            while piece := await reader.read(2**16):
                yield piece
        except ConnectionResetError:
            yield b"[cut]"
        writer.close()
    finally:
        await runner.cleanup()


async def got(size: int, pieces: Pieces, listed: int = 1_000) -> tuple[bytes, bytes]:
    whole = b"".join([piece async for piece in fetch(size, pieces, listed)])
    head, _, body = whole.partition(b"\r\n\r\n")
    return head, body


async def test_what_is_sent_says_its_size_first_and_comes_whole() -> None:
    head, body = await got(6, pieces_of(b"abc", b"def"))
    assert b"200 OK" in head
    assert b"Content-Length: 6" in head
    assert body == b"abcdef"


@pytest.mark.parametrize(
    ("pieces", "listed"),
    [
        ((b"abc", b"def"), 1),  # taken from the list meanwhile
        ((b"abc",), 1_000),  # and then the store fails
    ],
)
async def test_what_is_cut_cannot_be_taken_for_all(pieces: tuple[bytes, ...], listed: int) -> None:
    fault = BlobError("the store is gone") if len(pieces) == 1 else None
    _, body = await got(6, pieces_of(*pieces, then=fault), listed)
    assert body.removesuffix(b"[cut]") in (b"", b"abc")
    assert len(body.removesuffix(b"[cut]")) < 6
