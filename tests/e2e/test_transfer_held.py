"""Files that rules hold or refuse: nobody fetches them, and the message with the link goes as the file does."""

import re
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import aiohttp
import pytest

from components.transfer.slots import NS
from tests.e2e.test_transfer import ALICE, BOB, CONTENT, DIRECTORY, Loopback, ask, fetch, send_link
from tests.support.certificates import CertificateAuthority
from tests.support.reviewer import Reviewer
from tests.support.stream import Element, XmppStream, message
from tests.support.transfer_site import TransferSite

STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
HELD_TEXT = "Your file is with compliance, as it holds macros."
REFUSED_TEXT = "Programs are not sent on this line."
POLICY = f"""
[[rule]]
id = "macros"
kind = "file"
action = "hold"
text = "{HELD_TEXT}"
names = ["*.xlsm"]
must_match = [{{ name = "a.xlsm" }}]

[[rule]]
id = "programs"
kind = "file"
action = "refuse"
text = "{REFUSED_TEXT}"
names = ["*.exe"]
must_match = [{{ name = "a.exe" }}]
"""


@pytest.fixture
async def site(tmp_path: Path, authority: CertificateAuthority) -> AsyncIterator[TransferSite]:
    site = TransferSite(tmp_path, (ALICE, BOB), DIRECTORY, authority)
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    site.gate.replace_setting("[gate]", f'[gate]\npolicy = "{policy}"')
    async with site:
        yield site


@pytest.fixture
async def http(site: TransferSite) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(ssl=site.tls, resolver=Loopback())
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


async def put(stream: XmppStream, http: aiohttp.ClientSession, name: str) -> tuple[str, int, str]:
    """Upload a file, and return its link, the status of the PUT, and what was said."""
    slot = await ask(stream, len(CONTENT), name)
    header, get = (slot.find(f".//{{{NS}}}{each}") for each in ("header", "get"))
    assert header is not None
    assert get is not None
    url = str(get.get("url"))
    headers = {"Authorization": header.text or "", "Content-Type": "image/png"}
    async with http.put(url, data=CONTENT, headers=headers) as response:
        return url, response.status, (await response.text()).strip()


def is_error(stanza: Element) -> bool:
    return stanza.get("type") == "error"


def told(error: Element) -> str:
    return error.findtext(f".//{STANZAS}text") or ""


async def require_silence(alice: XmppStream, bob: XmppStream) -> None:
    """Require that nothing with a link has come before what is said now."""
    alice.send(f"<message to='{BOB}' type='chat'><body>good morning</body></message>")
    await bob.expect(message("good morning"))
    bodies = [each.findtext("{jabber:client}body") or "" for each in bob.received]
    assert not any("/f/" in body for body in bodies)


async def test_a_held_file_and_its_message_go_together(
    site: TransferSite, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    alice, bob = await site.login(ALICE), await site.login(BOB)
    reviewer = Reviewer(site.gate, tmp_path / "audit")
    url, status, _text = await put(alice, http, "prices.XLSM")
    assert status == 201
    async with http.get(url) as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "60")
    send_link(alice, BOB, url)
    error = await alice.expect(is_error)
    assert error.find(f".//{STANZAS}policy-violation") is not None
    assert told(error).endswith(HELD_TEXT)
    await require_silence(alice, bob)
    record = await reviewer.wait_for_one()
    held = (await reviewer.held()).files
    assert list(held.names.values()) == ["prices.XLSM"]
    listed = await reviewer.run("list")
    assert re.search(
        rf"^transfer/\d+ the file prices.XLSM of {ALICE} \(macros\): waits until", listed, re.MULTILINE
    )
    assert "1 message, 1 file. " in listed
    await reviewer.decide("release", record)
    got = await bob.expect(message(url))
    assert got.get("from", "").startswith(ALICE)
    assert await fetch(http, url) == (200, CONTENT)
    # It has been let go: whoever passes it on is not held again.
    send_link(alice, BOB, f"{url}#again")
    await bob.expect(message(f"{url}#again"))
    assert (await reviewer.held()).files.held == ()


async def test_a_refused_file_is_refused_with_its_message(
    site: TransferSite, http: aiohttp.ClientSession
) -> None:
    alice, bob = await site.login(ALICE), await site.login(BOB)
    url, status, text = await put(alice, http, "setup.exe")
    assert (status, text) == (403, REFUSED_TEXT)
    assert (await fetch(http, url))[0] == 404
    send_link(alice, BOB, url)
    assert told(await alice.expect(is_error)) == REFUSED_TEXT
    await require_silence(alice, bob)


async def test_a_reviewer_refuses_a_file_alone(
    site: TransferSite, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    alice, bob = await site.login(ALICE), await site.login(BOB)
    reviewer = Reviewer(site.gate, tmp_path / "audit")
    url, status, _text = await put(alice, http, "prices.xlsm")
    assert status == 201
    ((file,), no_messages) = (held := await reviewer.held()).files.held, held.held
    assert not no_messages
    assert "does not say" not in (
        said := await reviewer.run("refuse", f"transfer/{file.record}", "--reason", "macros")
    )
    assert said.startswith(f"transfer/{file.record} is refused. ")
    assert (await fetch(http, url))[0] == 404
    send_link(alice, BOB, url)
    assert "reviewed" in told(await alice.expect(is_error))
    assert "no held file" in await reviewer.run("release", f"transfer/{file.record}", "--reason", "again")
    await require_silence(alice, bob)


async def test_what_a_rescan_finds_is_shut_and_its_messages_are_refused(
    site: TransferSite, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Nobody knew the file when it came. Later its hash is on the auditors' list, and on nobody else's."""
    alice, bob = await site.login(ALICE), await site.login(BOB)
    url, status, _text = await put(alice, http, "copper.png")
    assert status == 201
    send_link(alice, BOB, url)
    await bob.expect(message(url))
    assert (await fetch(http, url))[0] == 200
    bob.received.clear()
    reviewer, denied = Reviewer(site.gate, tmp_path / "audit"), tmp_path / "denied.txt"
    assert "copper.png" not in await reviewer.run("rescan", group="files")
    denied.write_text(f"{sha256(CONTENT).hexdigest()}  what went astray\n")
    reviewer.set("transfer", "denied_hashes", str(denied))
    assert "copper.png: denied-hash" in (told_ := await reviewer.run("rescan", group="files")), told_
    assert (await fetch(http, url))[0] == 404
    send_link(alice, BOB, url)
    error = await alice.expect(is_error)
    assert error.find(f".//{STANZAS}policy-violation") is not None
    assert told(error)
    await require_silence(alice, bob)
    # Who sends it again gets no further by that: the site's own list does not have it, the record has.
    await site.transfer.kill9()
    await site.transfer.start()
    assert (await fetch(http, url))[0] == 404


async def test_a_link_before_its_file_goes_nowhere(site: TransferSite, http: aiohttp.ClientSession) -> None:
    alice, bob = await site.login(ALICE), await site.login(BOB)
    slot = await ask(alice, len(CONTENT), "late.png")
    get = slot.find(f".//{{{NS}}}get")
    assert get is not None
    send_link(alice, BOB, str(get.get("url")))
    assert "has not arrived" in told(await alice.expect(is_error))
    await require_silence(alice, bob)


async def test_while_nobody_can_say_what_became_of_a_file_its_link_is_held(
    site: TransferSite, http: aiohttp.ClientSession
) -> None:
    alice, bob = await site.login(ALICE), await site.login(BOB)
    url, status, _text = await put(alice, http, "copper.png")
    assert status == 201
    await site.transfer.kill9()
    # The component may be down; what it stored is there.
    send_link(alice, BOB, url)
    await bob.expect(message(url))
    bob.received.clear()
    for file in site.transfer.root.glob("state.db*"):
        file.unlink()
    send_link(alice, BOB, url)
    assert "Held for review" in told(await alice.expect(is_error))
    await require_silence(alice, bob)
