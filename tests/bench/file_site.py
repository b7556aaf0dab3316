"""Where files are put: the transfer component of a real site, and a plain server beside it, each alone on a core."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from components.transfer.slots import NS
from tests.bench.errors import BenchError
from tests.bench.put import MEDIA_TYPE, HttpTarget, Put
from tests.bench.usage import SERVER_CORE, pin
from tests.support.certificates import CertificateAuthority
from tests.support.gate_process import one_enterprise
from tests.support.ports import free_port
from tests.support.process import ProcessUnderTest
from tests.support.stream import XmppStream
from tests.support.transfer_site import FILES, TransferSite

ALICE, BOB = "alice@metals.example", "bob@metals.example"
# Whoever asks for slots and leaves them unused gets so many only (docs/files.md, section 1): many ask in turn.
ASKERS = tuple(f"trader{number}@metals.example" for number in range(32))
_PLENTY_MIB = 1 << 20
_LIMITS = {
    "file_mib": 4096,
    "person_day_mib": _PLENTY_MIB,
    "enterprise_day_mib": _PLENTY_MIB,
    "site_day_mib": _PLENTY_MIB,
}


class PlainServer(ProcessUnderTest):
    """`tests.bench.plain_files`, its files in `root`."""

    def __init__(self, root: Path, certificate: str) -> None:
        root.mkdir(parents=True)
        super().__init__("the plain server", root / "plain.out")
        self._root = root
        self._certificate = certificate
        self.port = free_port()

    async def start(self) -> None:
        """Start it and wait until it listens."""
        self._launch(
            [sys.executable, "-m", "tests.bench.plain_files", self._root, str(self.port), self._certificate]
        )
        await self._wait_until_ready(self._listens)

    async def _listens(self) -> bool:
        try:
            async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{self.port}/"):
                return True
        except aiohttp.ServerDisconnectedError:
            return True
        except aiohttp.ClientError:
            return False


@asynccontextmanager
async def file_site(
    root: Path, people: tuple[str, ...] = (ALICE, BOB, *ASKERS), *, tls: bool = True, **more: object
) -> AsyncIterator[TransferSite]:
    """Start a site that takes files, the transfer component alone on the server's core.

    `more` are further settings of its table.
    """
    (root / "authority").mkdir(parents=True)
    authority = CertificateAuthority(root / "authority")
    settings: dict[str, Any] = {"limits": _LIMITS} | ({} if tls else {"url": f"https://{FILES}/"}) | more
    async with TransferSite(root, people, _directory(people), authority, **settings) as site:
        pin(site.transfer.pid, SERVER_CORE)
        yield site


def site_target(root: Path, site: TransferSite) -> HttpTarget:
    """Return where a site's files go."""
    return HttpTarget(int(str(site.transfer.port)), FILES, str(root / "authority" / "ca.crt"))


async def ask_slots(stream: XmppStream, sizes: tuple[int, ...]) -> list[Put]:
    """Ask for a slot for each size; raises BenchError if there is none."""
    return [await ask_slot(stream, size) for size in sizes]


async def ask_slot(
    stream: XmppStream, size_bytes: int, name: str = "film.mp4", media_type: str = MEDIA_TYPE
) -> Put:
    """Ask for a slot; raises BenchError if there is none."""
    request = f"<request xmlns='{NS}' filename='{name}' size='{size_bytes}' content-type='{media_type}'/>"
    slot = await stream.request("get", request, to=FILES)
    to, header = (slot.find(f".//{{{NS}}}{each}") for each in ("put", "header"))
    if to is None or header is None:
        raise BenchError(f"no slot was given: {[each.tag for each in slot.iter()]}")
    path = urlsplit(str(to.get("url"))).path
    return Put(path, {str(header.get("name")): header.text or ""}, size_bytes)


def _directory(people: tuple[str, ...]) -> str:
    return f'transfer = "{FILES}"\n{one_enterprise(people)}'
