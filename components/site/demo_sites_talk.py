"""What the demonstration of two sites plays: a conversation across, a file and a room, and what both archives hold."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Container, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp

from components.link.client import LoginError, Received, RequestError, TraderClient
from components.link.upload import find_upload_service, link_element
from components.settings.site import SiteFile
from components.site.demo import find_missing, show_command, wait_until_found
from components.site.demo_conversation import UnexpectedError
from components.site.demo_files import fetch_file, upload_file
from components.site.demo_media import make_media
from components.site.demo_scenes import Contacts, End, File, Heading, Message, Online, Show
from components.site.demo_sites import OLIVER, ROOM, SHANGHAI, SITES, WEI, DemoSite
from components.site.init import load_passwords
from components.site.probe import reachable_address

_STRANGER = "trader@elsewhere.example"
_SEEN_WITHIN_S = 20.0
_TIMEOUT = aiohttp.ClientTimeout(total=30)


async def play_sites(sites: list[SiteFile], show: Show) -> bool:
    """Play and show the demonstration of sites that are up; return whether everything went as it should."""
    try:
        async with _log_in(sites) as clients:
            talk = Talk(clients, show)
            await talk.meet()
            await talk.play()
            await talk.share_room()
            await talk.send_file([site.prosody.certificates / "ca.crt" for site in sites])
        for demo, site in zip(SITES, sites, strict=True):
            show(Heading(f"What the archive in {demo.name} holds"))
            await _search(site, talk.records[demo], show)
    except (UnexpectedError, LoginError, RequestError, aiohttp.ClientError) as err:
        show(End(fault=str(err)))
        return False
    show(End(len(talk.records[SHANGHAI]), refused=1, files=1))
    return True


@asynccontextmanager
async def _log_in(sites: list[SiteFile]) -> AsyncIterator[dict[str, TraderClient]]:
    async with AsyncExitStack() as stack:
        clients = {}
        for site, jid in zip(sites, (WEI, OLIVER), strict=True):
            server, password = site.prosody, load_passwords(site)[jid]
            authority = server.certificates / "ca.crt"
            client = TraderClient(
                jid, password, reachable_address(server.address), server.c2s_port, authority
            )
            stack.push_async_callback(client.close)
            await client.connect()
            clients[jid] = client
        yield clients


class Talk:
    """One trader at each site; `records` are those of what arrived, by the site whose gate recorded it.

    Each step raises UnexpectedError at the first fault.
    """

    def __init__(self, clients: Mapping[str, TraderClient], show: Show) -> None:
        self._clients = clients
        self._show = show
        self.records: dict[DemoSite, list[str]] = {site: [] for site in SITES}

    async def meet(self) -> None:
        """Wait until each has the other in the contact list, and sees that they are there."""
        self._show(Heading("Two sites: contact lists and presence"))
        pairs = [(self._clients[jid], other) for jid, other in ((WEI, OLIVER), (OLIVER, WEI))]
        for client, other in pairs:
            await _wait(client.contacts, other, f"{client.jid} has no contact {other}")
            self._show(Contacts(client.jid, client.contacts()))
        for client, other in pairs:
            await _wait(client.online, other, f"{client.jid} does not see that {other} is there")
            self._show(Online(client.jid, {other: client.contacts()[other]}))

    async def play(self) -> None:
        """Say something each way, and something to a stranger."""
        self._show(Heading("A conversation between the sites"))
        await self._say(WEI, OLIVER, "Copper cathodes, 50 t, 9380 USD/t CIF London, firm until 16:00.")
        await self._say(OLIVER, WEI, "I take the copper at 9380.")
        result = await self._clients[WEI].send_chat(_STRANGER, "Do you buy copper too?")
        if result.delivered or not result.text:
            raise UnexpectedError(f"{WEI} to {_STRANGER} was not refused with a reason: {result}")
        self._show(
            Message(WEI, _STRANGER, "Do you buy copper too?", condition=result.condition, text=result.text)
        )

    async def share_room(self) -> None:
        """Meet in a room of one site, and say something that reaches both."""
        self._show(Heading(f"A room of {SHANGHAI.name}"))
        for jid, client in self._clients.items():
            await client.join(ROOM, jid.partition("@")[0])
        body = "Copper stocks in London are up by 800 t."
        self._clients[OLIVER].write_in(ROOM, body)
        received = [await self._receive(jid) for jid in (WEI, OLIVER)]
        for jid, each in zip((WEI, OLIVER), received, strict=True):
            if each.body != body or each.sender != f"{ROOM}/oliver":
                raise UnexpectedError(f"{jid} received {each} in the room")
        # It comes back to London from the room: so its receipts are of both gates.
        self._show(Message(OLIVER, ROOM, body, self._note(received[1])))

    async def send_file(self, authorities: list[Path]) -> None:
        """Send a file from one site, which is kept there, and fetch it at the other."""
        self._show(Heading("A file"))
        file = next(each for each in make_media() if each.name.endswith(".pdf"))
        # The host of the files shows a certificate of Shanghai's authority, wherever one fetches them.
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(authorities[0])))
        async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as http:
            service = await find_upload_service(self._clients[WEI])
            url = await upload_file(self._clients[WEI], service, http, file)
            result = await self._clients[WEI].send_chat(OLIVER, url, payload=link_element(url))
            received = await self._receive(OLIVER)
            if not result.delivered or received.body != url:
                raise UnexpectedError(f"{OLIVER} received {received}, not the link to the file: {result}")
            await fetch_file(http, url, file)
        record = self._note(received)
        self._show(File(WEI, OLIVER, file.name, file.media_type, len(file.content), record))

    async def _say(self, sender: str, to: str, body: str) -> None:
        result = await self._clients[sender].send_chat(to, body)
        if not result.delivered:
            raise UnexpectedError(f"{sender} could not write to {to}: {result.condition}: {result.text}")
        received = await self._receive(to)
        if received.body != body or received.sender.partition("/")[0] != sender:
            raise UnexpectedError(f"{to} received {received}, not what {sender} had written")
        self._show(Message(sender, to, body, self._note(received)))

    async def _receive(self, jid: str) -> Received:
        received = await self._clients[jid].receive()
        while received.delayed or received.sender.partition("/")[0].startswith("notice@"):
            received = await self._clients[jid].receive()
        return received

    def _note(self, received: Received) -> str:
        """Note the record at each site, and return both in words."""
        told = []
        for site in SITES:
            record = received.stanza_ids.get(site.gate, "")
            if not record:
                raise UnexpectedError(f"{received} was not recorded in {site.name}")
            self.records[site].append(record)
            told.append(f"{record} in {site.name}")
        return " and ".join(told)


async def _search(site: SiteFile, records: list[str], show: Show) -> None:
    """Find all that arrived as an auditor of this site does, and verify its logs."""
    await wait_until_found(partial(find_missing, site, "copper OR assay", records))
    await show_command(site, show, "audit", "search", "copper", "--limit", "3")
    if await show_command(site, show, "verify") != 0:
        raise UnexpectedError(f"the record of {site.site.name} does not verify")


async def _wait(seen: Callable[[], Container[str]], wanted: str, fault: str) -> None:
    give_up_at_s = time.monotonic() + _SEEN_WITHIN_S
    while wanted not in seen():
        if time.monotonic() > give_up_at_s:
            raise UnexpectedError(fault)
        await asyncio.sleep(_SEEN_WITHIN_S / 200)
