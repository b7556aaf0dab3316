"""A file that a client sends over the line is found by what it says, with the message that carried it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from components.archive.keys import create_log_key
from components.audit.search import Page, search
from components.settings.site import SiteFile
from components.transfer.slots import NS
from tests.support.certificates import CertificateAuthority
from tests.support.documents import make_docx
from tests.support.gate_process import GATE
from tests.support.process import PATIENCE_S
from tests.support.stream import message
from tests.support.transfer_site import AUDIT, FILES, TransferSite

ALICE, BOB = "alice@metals.example", "bob@metals.example"
DIRECTORY = f"""
gate = "{GATE}"
transfer = "{FILES}"
[enterprise.metals]
name = "Metals Trading AG"
sites = [{{ domain = "metals.example", rooms = "rooms.metals.example" }}]
person = [
  {{ jid = "{ALICE}", name = "Alice", roles = ["trader"] }},
  {{ jid = "{BOB}", name = "Bob", roles = ["trader"] }},
]
"""


@pytest.fixture
async def site(tmp_path: Path, authority: CertificateAuthority) -> AsyncIterator[TransferSite]:
    async with TransferSite(tmp_path, (ALICE, BOB), DIRECTORY, authority) as site:
        yield site


async def put(site: TransferSite, url: str, content: bytes, headers: dict[str, str]) -> int:
    """Put a file, to the loopback address whatever the host is."""
    local = url.replace(FILES, "127.0.0.1")
    async with (
        aiohttp.ClientSession() as http,
        http.put(local, data=content, headers=headers, ssl=site.tls, server_hostname=FILES) as response,
    ):
        return response.status


async def find(settings: SiteFile, query: str, count: int) -> list[tuple[str, str]]:
    """Search until so many records are found: a checkpoint covers the newest a moment later."""
    give_up_at_s = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        found = await search(settings, query, Page(50), lambda done, total: None)
        if len(found.records) >= count or asyncio.get_running_loop().time() > give_up_at_s:
            return [(view.id.partition("/")[0], view.reading.sender) for view in found.records]
        await asyncio.sleep(0.2)


async def test_a_file_is_found_by_what_it_says(site: TransferSite, tmp_path: Path) -> None:
    alice, bob = await site.login(ALICE), await site.login(BOB)
    content = make_docx("Wolfram in Rotterdam")
    request = f"<request xmlns='{NS}' filename='Angebot 報價.docx' size='{len(content)}'/>"
    slot = await alice.request("get", request, to=FILES)
    to, header, get = (slot.find(f".//{{{NS}}}{name}") for name in ("put", "header", "get"))
    assert to is not None and header is not None and get is not None
    headers = {str(header.get("name")): header.text or ""}
    assert await put(site, str(to.get("url")), content, headers) == 201
    url = str(get.get("url"))
    alice.send(f"<message to='{BOB}' type='chat' id='f1'><body>{url}</body></message>")
    await bob.expect(message(url))
    key = site.gate.auditor_key_file
    create_log_key(tmp_path / "log-audit.key", "metals.example/audit")
    site.gate.add_table(AUDIT.format(root=tmp_path, key=key))
    settings = SiteFile(site.gate.site_toml)
    both = [("transfer", ALICE), ("gate", alice.jid)]
    for query in ("wolfram", "file:angebot", "has:file from:alice"):
        assert await find(settings, query, 2) == both
    assert await find(settings, "wolfram from:bob", 0) == []
