"""Files are looked into by the component itself: what they hold counts, not what they are called."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from components.transfer.slots import NS
from tests.e2e.test_transfer import ALICE, BOB, DIRECTORY, Loopback, ask
from tests.support.certificates import CertificateAuthority
from tests.support.file_corpus import all_samples
from tests.support.file_sample import Sample
from tests.support.stream import XmppStream
from tests.support.transfer_site import TransferSite

EXAMPLES = Path(__file__).parents[2] / "config/examples"
TAKEN, REFUSED = 201, 403
# By the rules of the example policy.
EXPECTED = {
    "a.jpg": TAKEN,
    "a.docx": TAKEN,
    "cp949.txt": TAKEN,
    "b.txt.gz": TAKEN,
    "invoice.pdf": REFUSED,
    "goods.jpg": REFUSED,
    "list.txt": REFUSED,
    "b.tar.xz": REFUSED,
    "zeros.zip": REFUSED,
    "a.gif": REFUSED,
    "program.eml": REFUSED,
}
"""By name, in the first sample of the corpus that has it; of `a.gif`, in the last one, which is a JAR as well."""


@pytest.fixture
async def site(tmp_path: Path, authority: CertificateAuthority) -> AsyncIterator[TransferSite]:
    site = TransferSite(tmp_path, (ALICE, BOB), DIRECTORY, authority)
    policy = EXAMPLES / "policy.toml"
    site.gate.replace_setting("[gate]", f'[gate]\npolicy = "{policy}"')
    async with site:
        yield site


def chosen(name: str) -> Sample:
    found = [each for each in all_samples() if each.name == name]
    return found[-1] if name == "a.gif" else next(each for each in found if len(each.content) > 0)


async def put(stream: XmppStream, http: aiohttp.ClientSession, sample: Sample) -> int:
    slot = await ask(stream, len(sample.content), sample.name)
    header, get = (slot.find(f".//{{{NS}}}{each}") for each in ("header", "get"))
    assert header is not None
    assert get is not None
    headers = {"Authorization": header.text or "", "Content-Type": "application/octet-stream"}
    async with http.put(str(get.get("url")), data=sample.content, headers=headers) as response:
        return response.status


async def test_programs_and_traps_are_refused_by_content(site: TransferSite) -> None:
    alice = await site.login(ALICE)
    connector = aiohttp.TCPConnector(ssl=site.tls, resolver=Loopback())
    async with aiohttp.ClientSession(connector=connector) as http:
        statuses = await asyncio.gather(*(put(alice, http, chosen(name)) for name in EXPECTED))
    assert dict(zip(EXPECTED, statuses, strict=True)) == EXPECTED
