"""A page as a picture: how soon its words are found."""

import asyncio
import io
import time
from pathlib import Path

import aiohttp
from PIL import Image, ImageDraw, ImageFont

from components.archive.keys import create_log_key
from components.audit.search import Page, search
from components.settings.site import SiteFile
from tests.bench.bench import Bench
from tests.bench.errors import BenchError
from tests.bench.figures import Figure, at_most, median_of
from tests.bench.file_site import ALICE, ask_slot
from tests.support.transfer_site import AUDIT, FILES, TransferSite

_PATIENCE_S = 60.0
_LINES = 40
_FONT_SIZE, _LINE_HEIGHT, _PAGE = 24, 38, (1240, 1754)  # A4 at 150 dots an inch


async def measure(bench: Bench, root: Path, site: TransferSite) -> list[Figure]:
    """Measure the seconds from a picture's 201 until a search finds a word on it."""
    alice = await site.login(ALICE)
    create_log_key(root / "log-audit.key", "metals.example/audit")
    site.gate.add_table(AUDIT.format(root=root, key=site.gate.auditor_key_file))
    settings = SiteFile(site.gate.site_toml)
    await search(settings, "nothing", Page(10), lambda done, total: None)  # indexes what came before
    taken = []
    for number in range(1, bench.rounds + 1):
        bench.announce(f"a page, round {number} of {bench.rounds}")
        word = f"wolfram{'abcdefghij'[number % 10] * 3}"
        page = draw_page(word)
        slot = await ask_slot(alice, len(page), "page.png", "image/png")
        async with (
            aiohttp.ClientSession() as http,
            http.put(
                f"https://127.0.0.1:{site.transfer.port}{slot.path}",
                data=page, headers={**slot.headers, "Content-Type": "image/png"},
                ssl=site.tls, server_hostname=FILES,
            ) as response,
        ):  # fmt: skip
            if response.status != 201:
                raise BenchError(f"a page was answered {response.status}")
        began_s = time.perf_counter()
        while not (await search(settings, word, Page(10), lambda done, total: None)).records:
            if time.perf_counter() - began_s > _PATIENCE_S:
                raise BenchError(
                    f"a word on a page was not found in {_PATIENCE_S} s: is Tesseract installed?"
                )
            await asyncio.sleep(0.05)
        taken.append(time.perf_counter() - began_s)
    return [median_of("a page of print, searchable after", taken, "s", at_most(5))]


def draw_page(word: str) -> bytes:
    """Draw a page of lines, one of which has a word of its own; a PNG."""
    page = Image.new("L", _PAGE, 255)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(_FONT_SIZE)
    for number in range(_LINES):
        middle = word if number == _LINES // 2 else "copper"
        draw.text(
            (80, 80 + number * _LINE_HEIGHT),
            f"Line {number}: {25 + number} lots of {middle} at 9,{100 + number}.50, Rotterdam, good until noon",
            0, font=font,
        )  # fmt: skip
    file = io.BytesIO()
    page.save(file, "PNG")
    return file.getvalue()
