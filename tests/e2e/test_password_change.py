"""A trader changes their own password in band (XEP-0077, 3.3), and nobody can read it in any record."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from slixmpp import ClientXMPP

from components.link.codec import XMLNS
from tests.support.certificates import CertificateAuthority
from tests.support.line import Line
from tests.support.prosody import PASSWORD
from tests.support.stream import Element, XmppStream, show

ALICE, BOB = "alice@metals.example", "bob@metals.example"
NEW, OTHER = "new-secret-of-alice", "secret-for-another"


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    async with Line(tmp_path, [ALICE, BOB]) as line:
        yield line


def change(name: str, password: str) -> str:
    return f"<query xmlns='jabber:iq:register'><username>{name}</username><password>{password}</password></query>"


async def is_let_in(line: Line, jid: str, password: str) -> bool:
    try:
        stream = await XmppStream.login(line.prosody.address, jid, password=password)
    except AssertionError as error:
        assert "not-authorized" in str(error)
        return False
    await stream.close()
    return True


async def recorded(line: Line) -> list[bytes]:
    """Return the stanzas of the log, opened."""
    async with line.gate.open_log() as log:
        return [each.payload or b"" for each in await log.fetch(0, 1000)]


def files_with(root: Path, words: str) -> list[str]:
    """Return the files that have these words, but the server's own, which has keys of passwords alone."""
    return [str(each) for each in root.rglob("*") if each.is_file() and words.encode() in each.read_bytes()]


def assert_refused(answer: Element) -> None:
    assert answer.get("type") == "error", show(answer)
    assert "Of an account on this line only the password can be changed." in show(answer)


@pytest.mark.parametrize("to", ["", ALICE, "metals.example"])
async def test_the_new_password_counts_and_is_in_no_record(line: Line, tmp_path: Path, to: str) -> None:
    alice = await line.login(f"{ALICE}/desk")
    answer = await alice.request("set", change("alice", NEW), to=to)
    assert answer.get("type") == "result", show(answer)
    assert await is_let_in(line, ALICE, NEW)
    assert not await is_let_in(line, ALICE, PASSWORD)
    await alice.ping()  # who is in stays in
    (payload,) = [each for each in await recorded(line) if b"jabber:iq:register" in each]
    assert f"<redacted xmlns='{XMLNS}'/>".encode() in payload and b">alice</username>" in payload
    assert NEW.encode() not in b"".join(await recorded(line))
    assert files_with(tmp_path, NEW) == []


async def test_nobody_changes_another_account(line: Line, tmp_path: Path) -> None:
    alice = await line.login(f"{ALICE}/desk")
    for to in ("", "metals.example"):
        answer = await alice.request("set", change("bob", OTHER), to=to)
        assert answer.get("type") == "error", show(answer)
    assert files_with(tmp_path, OTHER) == []  # it may be one's own, beside a mistyped name
    answer = await alice.request("set", change("bob", OTHER), to=BOB)
    assert answer.get("type") == "error", show(answer)
    assert await is_let_in(line, BOB, PASSWORD)
    assert not await is_let_in(line, BOB, OTHER)


FORM = (
    "<x xmlns='jabber:x:data' type='submit'><field var='username'><value>alice</value></field>"
    f"<field var='password'><value>{NEW}</value></field></x>"
)


@pytest.mark.parametrize("to", ["", ALICE, "metals.example"])
@pytest.mark.parametrize(
    "inside",
    [
        "<remove/>",
        f"<remove/><username>alice</username><password>{NEW}</password>",
        f"<username>alice</username><password>{NEW}</password><remove/>",
        f"<username>alice</username><password>{NEW}</password><email>a@x.example</email>",
        "<username>alice</username><password/>",
        FORM,
    ],
)
async def test_nothing_else_of_an_account_can_be_changed(
    line: Line, tmp_path: Path, to: str, inside: str
) -> None:
    alice = await line.login(f"{ALICE}/desk")
    assert_refused(await alice.request("set", f"<query xmlns='jabber:iq:register'>{inside}</query>", to=to))
    assert await is_let_in(line, ALICE, PASSWORD)
    assert files_with(tmp_path, NEW) == []


async def test_a_client_library_changes_it(tmp_path: Path, authority: CertificateAuthority) -> None:
    certificates = authority.issue(tmp_path / "certs", ["metals.example", "rooms.metals.example"])
    async with Line(tmp_path, [ALICE], certificates=certificates) as line:
        client = ClientXMPP(f"{ALICE}/phone", PASSWORD)
        client.ssl_context = authority.client_context()
        client.register_plugin("xep_0077")
        registration: Any = client.plugin["xep_0077"]
        registration.create_account = False
        online = asyncio.get_running_loop().create_future()
        client.add_event_handler("session_start", lambda _: online.set_result(None))
        client.connect(*line.prosody.address)
        await online
        await registration.change_password(NEW)
        await client.disconnect()
        again = await XmppStream.login(
            line.prosody.address, ALICE, tls=authority.client_context(), password=NEW
        )
        await again.close()
