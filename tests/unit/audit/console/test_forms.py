"""Forms that no page sends: they are refused, and neither raise an alarm nor fill the log."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from multidict import MultiDict
from structlog.testing import capture_logs

from components.audit.console import middleware
from components.audit.console.form import read_form
from tests.support.audit_site import Site
from tests.support.console_site import Visitor, make_console_site, open_console

FORM = "application/x-www-form-urlencoded"
PART = b'--x\r\nContent-Disposition: form-data; name="token"'
MALFORMED = (
    (FORM, b"token=\xff"),
    (FORM, b"a&" * 20_000),
    (f"{FORM}; charset=nonsense", b"token=\xff"),
    (f"{FORM}; charset=idna", b"token=\xff"),
)
OTHER = (
    (f"{FORM}; charset=rot13", b"token=a"),
    ("multipart/form-data", b"abc"),
    ("multipart/form-data; boundary=x", b"no boundary"),
    ("multipart/form-data; boundary=x", b"--x\r\nA: b\r\n\r\nabc\r\n--x--"),
    ("multipart/form-data; boundary=x", PART + b"\r\nContent-Transfer-Encoding: q\r\n\r\nabc\r\n--x--\r\n"),
    ("multipart/form-data; boundary=x", PART + b"\r\nContent-Type: a/b; charset=q\r\n\r\nabc\r\n--x--\r\n"),
    (";;;", b"token=a"),
)


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    return await make_console_site(tmp_path)


async def send(visitor: Visitor, kind: str, body: bytes) -> int:
    """Send a body as the form of a one-time link, which anybody may, and return the status."""
    headers = {"Host": visitor.origin.removeprefix("https://"), "Origin": visitor.origin}
    async with visitor.client.post(
        "/login/link", data=body, headers=headers | {"Content-Type": kind}
    ) as answer:
        return answer.status


async def test_a_malformed_form_is_refused_and_is_no_fault_of_ours(site: Site) -> None:
    async with open_console(site) as visitor:
        with capture_logs() as logged:
            assert [await send(visitor, *each) for each in MALFORMED] == [400] * len(MALFORMED)
            assert [await send(visitor, *each) for each in OTHER] == [403] * len(OTHER)
        assert logged == []
        assert list(visitor.console.alarms.present()) == []
        assert visitor.console.metrics.failed == 0


async def test_who_goes_away_within_a_form_raises_no_alarm(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def read(request: web.Request) -> MultiDict[str]:
        began.set()
        try:
            return await read_form(request)
        finally:
            ended.set()

    monkeypatch.setattr(middleware, "read_form", read)
    async with open_console(site) as visitor:
        _, writer = await asyncio.open_connection("127.0.0.1", visitor.client.port)
        head = f"Host: {visitor.origin.removeprefix('https://')}\r\nOrigin: {visitor.origin}\r\n"
        length = f"Content-Type: {FORM}\r\nContent-Length: 50\r\n"
        writer.write(f"POST /login/link HTTP/1.1\r\n{head}{length}\r\ntoken=".encode())
        await began.wait()
        writer.transport.abort()
        await ended.wait()
        assert (await visitor.get("/login"))[0] == 200
        assert list(visitor.console.alarms.present()) == []
        assert visitor.console.metrics.failed == 0
