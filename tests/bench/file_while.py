"""Everybody else while four large files come: slots, small downloads, and messages through the gate."""

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import aiohttp

from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.figures import Figure, at_most, median_of, percentile, ratio_of_medians
from tests.bench.file_site import ALICE, ASKERS, BOB, PlainServer, ask_slot, ask_slots, site_target
from tests.bench.put import HttpTarget, Put, put_files
from tests.bench.usage import SERVER_CORE, pin
from tests.support.stream import XmppStream, message
from tests.support.transfer_site import TransferSite

_UPLOADS = 4
_SIZE_BYTES = 128 << 20
_SMALL_BYTES = 20_000
_APART_S = 0.01
_WARM_UP_S = 0.5

_SIZES = (_SIZE_BYTES,) * 10

Act = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Taken:
    """What 99 in 100 took at most, in ms, in each round: alone, during uploads, during those to a plain server."""

    alone: list[float]
    during: list[float]
    during_plain: list[float]


async def measure(bench: Bench, root: Path, site: TransferSite) -> list[Figure]:
    """Measure the same acts in turns: alone, during four uploads, and during four to a plain server on that core."""
    target = site_target(root, site)
    alice, bob = await site.login(ALICE), await site.login(BOB)
    askers = [await site.login(asker) for asker in ASKERS]
    (small,) = await ask_slots(alice, (_SMALL_BYTES,))
    await run_apart(put_files, target, [small])
    turns = cycle(askers)
    certificate = root / "certs" / f"{target.host}.crt"
    async with _session(target) as http, PlainServer(root / "plain_while", str(certificate)) as plain:
        pin(plain.pid, SERVER_CORE)
        there = HttpTarget(plain.port, target.host, target.authority)
        acts = _acts(alice, bob, turns, http, f"https://127.0.0.1:{target.port}{small.path}", target.host)
        taken = {name: Taken([], [], []) for name in acts}
        for number in range(1, bench.rounds + 1):
            for name, act in acts.items():
                bench.announce(f"{name}, round {number} of {bench.rounds}")
                seconds = bench.pick(5.0, 2.0)
                taken[name].alone.append(await _p99_ms(act, seconds))
                async with _uploads(target, [await ask_slots(next(turns), _SIZES) for _ in range(_UPLOADS)]):
                    taken[name].during.append(await _p99_ms(act, seconds))
                async with _uploads(there, [_plain_puts(who) for who in range(_UPLOADS)]):
                    taken[name].during_plain.append(await _p99_ms(act, seconds))
    return _figures(taken)


def _figures(taken: Mapping[str, Taken]) -> list[Figure]:
    figures = []
    for name, found in taken.items():
        wanted = at_most(20) if name != "message" else None
        figures += [
            median_of(f"{name}, p99", found.alone, "ms"),
            median_of(f"{name}, p99 during four uploads", found.during, "ms", wanted),
            median_of(f"{name}, p99 during four uploads to plain aiohttp", found.during_plain, "ms"),
        ]
    message = taken["message"]
    return [
        *figures,
        ratio_of_medians(
            "message, p99 during four uploads / without", message.during, message.alone, at_most(2)
        ),
        ratio_of_medians(
            "message, p99 during four uploads / during four to plain aiohttp",
            message.during,
            message.during_plain,
        ),
    ]


def _plain_puts(who: int) -> list[Put]:
    # The same names over and over: what was put before is written over.
    return [Put(f"/f/{who}", {}, size) for size in _SIZES * 4]


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
async def _uploads(target: HttpTarget, puts: Sequence[list[Put]]) -> AsyncIterator[None]:
    """Put these files, one after the other of each list, while entered."""
    tasks = [asyncio.create_task(run_apart(put_politely, target, each)) for each in puts]
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
