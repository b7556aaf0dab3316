"""Files over the line: asked for by XMPP, put and fetched by HTTPS, recorded, and never across a border."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from components.archive.keys import load_recipient_key
from components.archive.opener import RecordOpener
from components.archive.reader import LogReader
from components.archive.record import Event, RecordKind, parse_record
from components.transfer.slots import NS
from tests.support.certificates import CertificateAuthority
from tests.support.gate_process import GATE
from tests.support.process import PATIENCE_S
from tests.support.stream import Element, XmppStream, message, show
from tests.support.transfer_site import FILES, TransferSite
from tests.support.typed import said_in

ALICE, BOB, CARL = "alice@metals.example", "bob@metals.example", "carl@metals.example"
CONTENT = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 400
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"

# Alice and Carl may not reach each other; Bob reaches both.
DIRECTORY = f"""
gate = "{GATE}"
transfer = "{FILES}"
[enterprise.metals]
name = "Metals Trading AG"
sites = [{{ domain = "metals.example", rooms = "rooms.metals.example" }}]
desk = [{{ id = "base", name = "Base" }}, {{ id = "precious", name = "Precious" }}]
person = [
  {{ jid = "{ALICE}", name = "Alice", desk = "base", roles = ["trader"] }},
  {{ jid = "{BOB}", name = "Bob", roles = ["trader"] }},
  {{ jid = "{CARL}", name = "Carl", desk = "precious", roles = ["trader"] }},
]
barrier = [{{ id = "wall", sides = [{{ desks = ["base"] }}, {{ desks = ["precious"] }}] }}]
"""


@asynccontextmanager
async def take_files(root: Path, authority: CertificateAuthority) -> AsyncIterator[TransferSite]:
    async with TransferSite(root, (ALICE, BOB, CARL), DIRECTORY, authority) as site:
        yield site


@pytest.fixture
async def site(tmp_path: Path, authority: CertificateAuthority) -> AsyncIterator[TransferSite]:
    async with take_files(tmp_path, authority) as site:
        yield site


@pytest.fixture
async def http(site: TransferSite) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(ssl=site.tls, resolver=Loopback())
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


class Loopback(aiohttp.abc.AbstractResolver):
    """Finds every host on the loopback address: the certificate is checked by its name all the same."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[aiohttp.abc.ResolveResult]:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": 2, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


async def ask(stream: XmppStream, size_bytes: int, name: str = "Kupfer 報價.png") -> Element:
    request = f"<request xmlns='{NS}' filename='{name}' size='{size_bytes}' content-type='image/png'/>"
    return await stream.request("get", request, to=FILES)


async def upload(stream: XmppStream, http: aiohttp.ClientSession, content: bytes = CONTENT) -> str:
    slot = await ask(stream, len(content))
    put, header, get = (slot.find(f".//{{{NS}}}{name}") for name in ("put", "header", "get"))
    assert put is not None
    assert header is not None
    assert get is not None
    headers = {str(header.get("name")): header.text or "", "Content-Type": "image/png"}
    async with http.put(str(put.get("url")), data=content, headers=headers) as response:
        assert response.status == 201
    return str(get.get("url"))


def send_link(stream: XmppStream, to: str, url: str) -> None:
    oob = f"<x xmlns='jabber:x:oob'><url>{url}</url></x>"
    stream.send(f"<message to='{to}' type='chat' id='f1'><body>{url}</body>{oob}</message>")


async def fetch(http: aiohttp.ClientSession, url: str) -> tuple[int, bytes]:
    async with http.get(url) as response:
        return response.status, await response.read()


async def test_clients_find_the_service(site: TransferSite) -> None:
    alice = await site.login(ALICE)
    items = await alice.request(
        "get", "<query xmlns='http://jabber.org/protocol/disco#items'/>", to="metals.example"
    )
    assert [item.get("jid") for item in items.iter() if item.get("jid")].count(FILES) == 1
    info = await alice.request("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to=FILES)
    values = [element.text for element in info.iter("{jabber:x:data}value")]
    assert values == [NS, str(1 << 20)]


async def test_a_picture_arrives_and_the_archive_holds_it(
    site: TransferSite, http: aiohttp.ClientSession
) -> None:
    alice, bob = await site.login(ALICE), await site.login(BOB)
    url = await upload(alice, http)
    send_link(alice, BOB, url)
    got = await bob.expect(message(url))
    assert got.findtext("{jabber:x:oob}x/{jabber:x:oob}url") == url
    assert await fetch(http, url) == (200, CONTENT)
    received, fetched = await wait_for_events(site, 2)
    assert (received.name, fetched.name) == ("received", "fetched")
    details = dict(received.details)
    assert (details["owner"], details["content_sha256"]) == (ALICE, sha256(CONTENT).hexdigest())
    assert details["file_name"] == "Kupfer 報價.png"


async def wait_for_events(site: TransferSite, count: int) -> list[Event]:
    """Return the records of files once there are so many: a reader sees what a checkpoint covers."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            events = await _events(site)
            if len(events) >= count:
                return events
            await asyncio.sleep(0.1)


async def _events(site: TransferSite) -> list[Event]:
    reader = await LogReader.open(site.transfer.log_file)
    try:
        opener = RecordOpener(
            reader, site.transfer.log_origin, [load_recipient_key(site.gate.auditor_key_file)]
        )
        opened = await opener.fetch(0, await reader.size())
    finally:
        await reader.close()
    payloads = (each.payload for each in opened if each.leaf.kind == RecordKind.FILE)
    parsed = (parse_record(RecordKind.FILE, payload) for payload in payloads if payload)
    return [each for each in parsed if isinstance(each, Event)]


async def test_a_link_does_not_cross_a_barrier_in_somebody_elses_message(
    site: TransferSite, http: aiohttp.ClientSession
) -> None:
    alice, bob, carl = [await site.login(jid) for jid in (ALICE, BOB, CARL)]
    url = await upload(alice, http)
    send_link(bob, CARL, url)
    error = await bob.expect(lambda stanza: stanza.get("type") == "error")
    assert error.find(f".//{STANZAS}not-allowed") is not None
    assert "uploaded" in (error.findtext(f".//{STANZAS}text") or "")
    bob.send(f"<message to='{CARL}' type='chat'><body>hello</body></message>")
    await carl.expect(message("hello"))
    # A copy of his own is his to send.
    own = await upload(bob, http)
    send_link(bob, CARL, own)
    await carl.expect(message(own))


async def test_a_link_crosses_no_barrier_by_what_is_published_or_by_a_name(
    site: TransferSite, http: aiohttp.ClientSession
) -> None:
    """Carl follows Bob, who may reach both; a link to a file of Alice's would come to him by Bob's presence."""
    alice, bob, carl = [await site.login(jid) for jid in (ALICE, BOB, CARL)]
    url = await upload(alice, http)
    await befriend(carl, bob)
    item = "<item id='1'><geoloc xmlns='http://jabber.org/protocol/geoloc'><uri>{}</uri></geoloc></item>"
    publish = f"<publish node='http://jabber.org/protocol/geoloc'>{item.format(url)}</publish>"
    answer = await bob.request("set", f"<pubsub xmlns='http://jabber.org/protocol/pubsub'>{publish}</pubsub>")
    assert answer.find(f".//{STANZAS}not-allowed") is not None
    bob.send(f"<presence><status>{url}</status></presence>")
    await bob.expect(lambda stanza: stanza.get("type") == "error")
    renamed = await XmppStream.login(site.prosody.address, f"{BOB}/{url}", tls=site.tls)
    renamed.send("<presence/>")
    await renamed.expect(lambda stanza: stanza.get("type") == "error")
    bob.send("<presence><status>at lunch</status></presence>")
    await carl.expect(lambda stanza: "at lunch" in said_in(stanza))
    assert url not in "".join(show(each) for each in carl.received)
    await renamed.close()


async def befriend(one: XmppStream, other: XmppStream) -> None:
    """Have the one follow the other's presence."""
    one.send(f"<presence to='{other.jid.partition('/')[0]}' type='subscribe'/>")
    await other.expect(lambda stanza: stanza.get("type") == "subscribe")
    other.send(f"<presence to='{one.jid.partition('/')[0]}' type='subscribed'/>")
    await one.expect(lambda stanza: stanza.get("from") == other.jid)


async def test_too_large_and_too_much(site: TransferSite, http: aiohttp.ClientSession) -> None:
    alice = await site.login(ALICE)
    large = await ask(alice, (1 << 20) + 1)
    assert large.findtext(f".//{{{NS}}}max-file-size") == str(1 << 20)
    for _ in range(2):
        await upload(alice, http, bytes(1 << 20))
    much = await ask(alice, 1)
    assert much.find(f".//{STANZAS}resource-constraint") is not None
    retry = much.find(f".//{{{NS}}}retry")
    assert retry is not None
    assert str(retry.get("stamp")).endswith("Z")


async def test_an_upload_that_was_answered_survives_a_kill(
    site: TransferSite, http: aiohttp.ClientSession
) -> None:
    alice = await site.login(ALICE)
    url = await upload(alice, http)
    await site.transfer.kill9()
    await site.transfer.start()
    assert await fetch(http, url) == (200, CONTENT)


async def test_only_who_was_sent_a_file_fetches_it_from_where_they_are(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    sessions: dict[str, Any] = {
        "download_from": "sessions",
        "sessions_file": str(tmp_path / "run" / "sessions.db"),
    }
    people = (ALICE, BOB, CARL)
    async with TransferSite(tmp_path / "site", people, DIRECTORY, authority, **sessions) as site:
        connector = aiohttp.TCPConnector(ssl=site.tls, resolver=Loopback())
        async with aiohttp.ClientSession(connector=connector) as http:
            carl, alice = await site.login(CARL), await site.login(ALICE)
            url = await upload(alice, http)
            assert (await fetch(http, url))[0] == 200  # her own
            await alice.close()
            await wait_for_status(http, url, 403)  # Carl is there
            bob, alice = await site.login(BOB), await site.login(ALICE)
            send_link(alice, BOB, url)
            await bob.expect(message(url))
            await alice.close()
            assert (await fetch(http, url))[0] == 200
            await bob.close()
            await wait_for_status(http, url, 403)
            await carl.close()


async def wait_for_status(http: aiohttp.ClientSession, url: str, status: int) -> None:
    """Wait until a link is answered so: that a session has ended, the gate learns a moment after."""
    async with asyncio.timeout(PATIENCE_S):
        while (await fetch(http, url))[0] != status:  # noqa: ASYNC110 - another process has no events
            await asyncio.sleep(0.05)
