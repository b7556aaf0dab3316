"""Everybody else while four large files come: slots, small downloads, and messages through the gate."""

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path

import aiohttp

from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.figures import Figure, at_most, median_of, percentile, ratio_of_medians
from tests.bench.file_site import ALICE, ASKERS, BOB, ask_slot, ask_slots, site_target
from tests.bench.put import HttpTarget, Put, put_files
from tests.support.stream import XmppStream, message
from tests.support.transfer_site import TransferSite

_UPLOADS = 4
_SIZE_BYTES = 128 << 20
_SMALL_BYTES = 20_000
_APART_S = 0.01
_WARM_UP_S = 0.5

Act = Callable[[], Awaitable[None]]


async def measure(bench: Bench, root: Path, site: TransferSite) -> list[Figure]:
    """Measure the same acts in turns, first alone and then during four uploads."""
    target = site_target(root, site)
    alice, bob = await site.login(ALICE), await site.login(BOB)
    askers = [await site.login(asker) for asker in ASKERS]
    (small,) = await ask_slots(alice, (_SMALL_BYTES,))
    await run_apart(put_files, target, [small])
    turns = cycle(askers)
    async with _session(target) as http:
        acts = _acts(alice, bob, turns, http, f"https://127.0.0.1:{target.port}{small.path}", target.host)
        quiet: dict[str, list[float]] = {name: [] for name in acts}
        busy: dict[str, list[float]] = {name: [] for name in acts}
        for number in range(1, bench.rounds + 1):
            for name, act in acts.items():
                bench.announce(f"{name}, round {number} of {bench.rounds}")
                quiet[name].append(await _p99_ms(act, bench.pick(5.0, 2.0)))
                async with _uploads(turns, target):
                    busy[name].append(await _p99_ms(act, bench.pick(5.0, 2.0)))
    return _figures(quiet, busy)


def _figures(quiet: dict[str, list[float]], busy: dict[str, list[float]]) -> list[Figure]:
    figures = []
    for name in ("slot", "small file fetched"):
        figures += [
            median_of(f"{name}, p99", quiet[name], "ms"),
            median_of(f"{name}, p99 during four uploads", busy[name], "ms", at_most(20)),
        ]
    return [
        *figures,
        median_of("message, p99", quiet["message"], "ms"),
        median_of("message, p99 during four uploads", busy["message"], "ms"),
        ratio_of_medians(
            "message, p99 during four uploads / without", busy["message"], quiet["message"], at_most(2)
        ),
    ]


def _acts(
    alice: XmppStream,
    bob: XmppStream,
    turns: Iterator[XmppStream],
    http: aiohttp.ClientSession,
    url: str,
    host: str,
) -> dict[str, Act]:
    count = iter(range(1_000_000))

    async def slot() -> None:
        await ask_slot(next(turns), _SMALL_BYTES)

    async def fetch() -> None:
        async with http.get(url, server_hostname=host, headers={"Host": host}) as response:
            content = await response.read()
            assert (response.status, len(content)) == (200, _SMALL_BYTES)

    async def send() -> None:
        text = f"message {next(count)}"
        alice.send(f"<message to='{BOB}' type='chat'><body>{text}</body></message>")
        await bob.expect(message(text))

    return {"slot": slot, "small file fetched": fetch, "message": send}


@asynccontextmanager
async def _session(target: HttpTarget) -> AsyncIterator[aiohttp.ClientSession]:
    context = ssl.create_default_context(cafile=target.authority)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as http:
        yield http


async def _p99_ms(act: Act, seconds: float) -> float:
    """Act for so long, with pauses, and return what 99 in 100 take at most."""
    taken_ms = []
    over_s = time.perf_counter() + seconds
    while (began_s := time.perf_counter()) < over_s:
        await act()
        taken_ms.append((time.perf_counter() - began_s) * 1000)
        await asyncio.sleep(_APART_S)
    return percentile(sorted(taken_ms), 99)


@asynccontextmanager
async def _uploads(turns: Iterator[XmppStream], target: HttpTarget) -> AsyncIterator[None]:
    """Put four files at once, over and over, while entered."""
    slots = [await ask_slots(next(turns), (_SIZE_BYTES,) * 10) for _ in range(_UPLOADS)]
    tasks = [asyncio.create_task(run_apart(put_politely, target, each)) for each in slots]
    await asyncio.sleep(_WARM_UP_S)
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def put_politely(target: HttpTarget, puts: list[Put]) -> list[float]:
    """Put files with what the core has left: who measures there is not to wait for who sends."""
    os.nice(10)
    return put_files(target, puts)
