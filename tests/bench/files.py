"""Files: how fast they are taken, what that costs in memory, and what others notice of it."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from statistics import median

from PIL import Image, ImageDraw, ImageFont

from components.audit.reading.content import ContentState
from components.audit.reading.workers import FileReaders
from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.errors import BenchError
from tests.bench.figures import (
    Figure,
    Findings,
    at_least,
    at_most,
    median_of,
    percentile,
    ratio_of_medians,
    worst_of,
)
from tests.bench.file_load import fetch_during, put_all, put_paced
from tests.bench.file_taker import PLAIN, STEELYARD, run_taker
from tests.bench.offer import offer
from tests.bench.schedule import Schedule
from tests.bench.set_ups import STEELYARD as LINE
from tests.bench.set_ups import set_up
from tests.bench.speech import measure_speech
from tests.bench.usage import MIB, OTHER_CORE, SERVER_CORE, MemorySampler

_SET_UPS = (PLAIN, STEELYARD)
_SMALL_BYTES = 20_000
_PAIRS = 8
_RATE = 500
_PROCESS = "transfer"
_PAGE_WORDS = "copper cathode ninety nine percent warehouse Rotterdam"


async def measure(bench: Bench) -> Findings:
    """How fast files are taken, beside plain aiohttp that writes them to the disk and syncs them.

    Recordings (WAV) are put over plain HTTP on loopback, one after the other. The transfer component hashes, seals and
    looks into each with the example policy in force, without a virus scanner, and answers once its record is durable.
    *On one core* both have one core to themselves, and the sender the other; else they share two with it. The rate is
    the median of the files of a round. *Other requests* are GETs of a small file while four uploads run. Messages are
    sent at 500 a second through a whole line while a transfer component beside it takes files.
    """
    figures = [
        *await _rates(bench),
        *await _memory(bench),
        *await _others(bench),
        *await _small(bench),
        *await _messages(bench),
        *await _page(bench),
        await measure_speech(bench),
    ]
    return Findings(tuple(figures))


async def _rates(bench: Bench) -> list[Figure]:
    size_bytes, count = bench.pick(128 * MIB, 8 * MIB), bench.pick(5, 2)
    found: dict[tuple[str, bool], list[float]] = defaultdict(list)
    for _, name, folder in bench.turns(*_SET_UPS):
        for alone, cores in ((True, (SERVER_CORE,)), (False, (SERVER_CORE, OTHER_CORE))):
            async with run_taker(name, _below(folder, alone), cores, [(count, size_bytes)]) as taker:
                taken_s = await run_apart(put_all, taker.port, taker.places)
                found[name, alone].append(size_bytes / median(taken_s) / 1e6)
    figures = []
    for alone, where in ((True, "on one core"), (False, "on two cores")):
        ours, plain = found[STEELYARD, alone], found[PLAIN, alone]
        wanted = at_least(250) if alone else None
        figures += [
            median_of(f"{PLAIN}, {where}", plain, "MB/s"),
            median_of(f"{STEELYARD}, {where}", ours, "MB/s", wanted),
            ratio_of_medians(f"{STEELYARD} / {PLAIN}, {where}", ours, plain, at_least(0.6)),
        ]
    return figures


def _below(folder: Path, alone: bool) -> Path:
    below = folder / ("one" if alone else "two")
    below.mkdir()
    return below


async def _memory(bench: Bench) -> list[Figure]:
    bench.announce("memory for one large file")
    places = [(1, bench.pick(2000 * MIB, 32 * MIB))]
    async with (
        run_taker(STEELYARD, bench.new_folder(), (SERVER_CORE, OTHER_CORE), places) as taker,
        MemorySampler({_PROCESS: taker.pid}, 0.05) as memory,
    ):
        await run_apart(put_all, taker.port, taker.places)
    peak_mib = max(memory.samples_mib[_PROCESS])
    return [
        worst_of(f"peak memory for a file of {places[0][1] // MIB:,} MiB", [peak_mib], "MiB", at_most(100))
    ]


async def _others(bench: Bench) -> list[Figure]:
    p99_ms = []
    for number in range(bench.rounds):
        bench.announce(f"round {number + 1} of {bench.rounds}: other requests")
        places = [(1, _SMALL_BYTES), (8, bench.pick(128 * MIB, 8 * MIB))]
        async with run_taker(STEELYARD, bench.new_folder(), (SERVER_CORE, OTHER_CORE), places) as taker:
            small, *large = taker.places
            taken_s = await run_apart(fetch_during, taker.port, small, large, 4)
            p99_ms.append(percentile(taken_s, 99) * 1000)
    return [median_of("p99 of other requests during four uploads", p99_ms, "ms", at_most(20))]


async def _small(bench: Bench) -> list[Figure]:
    per_minute = []
    for number in range(bench.rounds):
        bench.announce(f"round {number + 1} of {bench.rounds}: small files")
        count = bench.pick(300, 20)
        folder = bench.new_folder()
        async with run_taker(STEELYARD, folder, (SERVER_CORE, OTHER_CORE), [(count, _SMALL_BYTES)]) as taker:
            began_s = time.perf_counter()
            await run_apart(put_all, taker.port, taker.places, 4)
            per_minute.append(count * 60 / (time.perf_counter() - began_s))
    return [median_of("small files (20 kB), four at once", per_minute, "a minute", at_least(1000))]


async def _messages(bench: Bench) -> list[Figure]:
    found: dict[bool, list[float]] = defaultdict(list)
    for number in range(bench.rounds):
        bench.announce(f"round {number + 1} of {bench.rounds}: messages beside files")
        async with set_up(LINE, bench.new_folder(), 2 * _PAIRS) as server:
            for with_files in (False, True):
                async with _uploads(bench, with_files):
                    schedules = [Schedule(_RATE, 1.0), Schedule(_RATE, bench.pick(10.0, 2.0))]
                    run = await run_apart(offer, server.target, _PAIRS, schedules, core=SERVER_CORE)
                if run.missing or run.errors:
                    raise BenchError(f"{run.missing} messages got lost, {run.errors} came back")
                found[with_files].append(percentile(run.latencies_ms(run.phases[1]), 99))
    return [
        median_of("p99 of messages without files", found[False], "ms"),
        median_of("p99 of messages while files are put", found[True], "ms"),
        ratio_of_medians("with files / without", found[True], found[False], at_most(2)),
    ]


@asynccontextmanager
async def _uploads(bench: Bench, wanted: bool) -> AsyncIterator[None]:
    """Put files of a picture's size meanwhile, ten a second."""
    if not wanted:
        yield
        return
    places = [(bench.pick(400, 60), 500_000)]
    async with run_taker(STEELYARD, bench.new_folder(), (OTHER_CORE,), places) as taker:
        putting = asyncio.create_task(run_apart(put_paced, taker.port, taker.places, 10.0))
        try:
            yield
            if putting.done():
                raise BenchError("the files came to an end before the messages")
        finally:
            putting.cancel()
            await asyncio.gather(putting, return_exceptions=True)


def _make_page() -> bytes:
    """Return a picture of a page (A4 at 150 dpi) that is full of text."""
    page = Image.new("L", (1240, 1754), 255)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(24)
    for line in range(40):
        draw.text((100, 100 + 38 * line), f"{line:02d} {_PAGE_WORDS}", fill=0, font=font)
    file = BytesIO()
    page.save(file, "PNG")
    return file.getvalue()


async def _page(bench: Bench) -> list[Figure]:
    taken_s = []
    page = _make_page()

    async def pieces() -> AsyncIterator[bytes]:
        yield page

    for number in range(bench.rounds):
        bench.announce(f"round {number + 1} of {bench.rounds}: a page read by OCR")
        began_s = time.perf_counter()
        found = await FileReaders.find().read("page.png", "image/png", len(page), pieces())
        taken_s.append(time.perf_counter() - began_s)
        if found.state is not ContentState.READ or "copper" not in found.words[0]:
            raise BenchError("the page was not read: is Tesseract installed?")
    return [median_of("a page of text read by OCR", taken_s, "s", at_most(5))]
