"""The transfer component as it runs, with TLS: crowds, a gate that is gone, slots and links that are misused."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from components.transfer.slots import NS
from tests.e2e.test_transfer import Loopback, ask, fetch, send_link, upload, wait_for_events
from tests.support.blobs import content
from tests.support.certificates import CertificateAuthority
from tests.support.gate_process import GATE, one_enterprise
from tests.support.process import PATIENCE_S
from tests.support.stream import XmppStream, message
from tests.support.transfer_site import FILES, TransferSite

PEOPLE = tuple(f"trader{number}@metals.example" for number in range(8))
DIRECTORY = f'transfer = "{FILES}"\n{one_enterprise(PEOPLE, gate=GATE)}'
EACH = 25
CONTENT = content(20_000)


@pytest.fixture
async def site(tmp_path: Path, authority: CertificateAuthority) -> AsyncIterator[TransferSite]:
    async with TransferSite(tmp_path, PEOPLE, DIRECTORY, authority) as site:
        yield site


@pytest.fixture
async def http(site: TransferSite) -> AsyncIterator[aiohttp.ClientSession]:
    # A connection for each request, and no waiting for one.
    connector = aiohttp.TCPConnector(ssl=site.tls, resolver=Loopback(), limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


async def slot_for(stream: XmppStream, data: bytes) -> tuple[str, dict[str, str]]:
    slot = await ask(stream, len(data))
    header, get = (slot.find(f".//{{{NS}}}{name}") for name in ("header", "get"))
    assert header is not None and get is not None
    return str(get.get("url")), {"Authorization": header.text or "", "Content-Type": "image/png"}


async def put(http: aiohttp.ClientSession, slot: tuple[str, dict[str, str]], data: bytes) -> int:
    async with http.put(slot[0], data=data, headers=slot[1]) as response:
        return response.status


async def test_two_hundred_at_once_over_tls(site: TransferSite, http: aiohttp.ClientSession) -> None:
    files = []
    for number, person in enumerate(PEOPLE):
        stream = await site.login(person)
        for each in range(EACH):
            data = content(5_000, seed=number * EACH + each)
            files.append((await slot_for(stream, data), data))
    answers = await asyncio.gather(*(put(http, slot, data) for slot, data in files))
    assert answers == [201] * len(files) == [201] * 200
    fetched = await asyncio.gather(*(fetch(http, slot[0]) for slot, _ in files))
    assert fetched == [(200, data) for _, data in files]
    names = Counter(event.name for event in await wait_for_events(site, 400))
    assert names == {"received": 200, "fetched": 200}


async def test_a_crowd_that_says_nothing_keeps_nobody_from_files(
    site: TransferSite, http: aiohttp.ClientSession
) -> None:
    """Far more connections than one address may have."""
    alice = await site.login(PEOPLE[0])
    slot = await slot_for(alice, CONTENT)
    address = ("127.0.0.1", int(str(site.transfer.port)))
    crowd = [(await asyncio.open_connection(*address, local_addr=("127.0.0.2", 0)))[1] for _ in range(1200)]
    assert await put(http, slot, CONTENT) == 201
    assert await fetch(http, slot[0]) == (200, CONTENT)
    assert "too many connections" in site.transfer.log_tail(1000)
    for writer in crowd:
        writer.transport.abort()


async def test_files_come_and_go_while_the_gate_is_down(
    site: TransferSite, http: aiohttp.ClientSession
) -> None:
    alice, bob = await site.login(PEOPLE[0]), await site.login(PEOPLE[1])
    slot = await slot_for(alice, CONTENT)
    await site.gate.kill9()
    assert await put(http, slot, CONTENT) == 201
    assert await fetch(http, slot[0]) == (200, CONTENT)
    await site.gate.start()
    async with asyncio.timeout(PATIENCE_S):
        while not any(each.findtext("{jabber:client}body") == slot[0] for each in bob.received):
            # What was said while the gate was gone is refused, and said again.
            send_link(alice, PEOPLE[1], slot[0])
            await asyncio.sleep(0.2)


async def test_a_slot_is_its_owners_and_used_once(site: TransferSite, http: aiohttp.ClientSession) -> None:
    alice, bob = await site.login(PEOPLE[0]), await site.login(PEOPLE[1])
    own, others = await slot_for(alice, CONTENT), await slot_for(bob, CONTENT)
    assert await put(http, (own[0], others[1]), CONTENT) == 403
    assert await put(http, own, CONTENT) == 201
    assert await put(http, own, CONTENT[::-1]) == 409
    # Also for a component that was killed and began anew.
    await site.transfer.kill9()
    await site.transfer.start()
    assert await put(http, own, CONTENT[::-1]) == 409
    assert await fetch(http, own[0]) == (200, CONTENT)
    assert (await fetch(http, others[0]))[0] == 404


async def test_a_link_under_another_name_opens_nothing(
    site: TransferSite, http: aiohttp.ClientSession
) -> None:
    alice, bob = await site.login(PEOPLE[0]), await site.login(PEOPLE[1])
    url = await upload(alice, http, CONTENT)
    renamed = f"{url.rpartition('/')[0]}/prices.js"
    send_link(alice, PEOPLE[1], renamed)
    await bob.expect(message(renamed))
    assert (await fetch(http, renamed))[0] == 404
    assert await fetch(http, url) == (200, CONTENT)
