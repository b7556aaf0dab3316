"""Rosters that are filled, compared and changed while the line is used."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.bench import Bench
from tests.bench.errors import BenchError
from tests.bench.figures import Findings, Table, at_most, median_of, percentile
from tests.support.process import wait_until
from tests.support.roster_site import Listed, RosterSite
from tests.support.stream import XmppStream

_DESKS = 12
_PING_EVERY_S = 0.02
_FULL_TIMEOUT_S = 3600.0
_HEADER = ("what", "seconds", "requests", "entries", "log MB", "server's core", "ping p50 ms", "p99 ms")


@dataclass(frozen=True, slots=True)
class _Size:
    """So many people in enterprises of `firm`, of whom everybody has all the others in their roster."""

    people: int
    firm: int

    @property
    def domains(self) -> tuple[str, ...]:
        return tuple(f"f{number}.example" for number in range(self.people // self.firm))

    def make(self) -> dict[str, Listed]:
        return {
            f"t{number}@f{number // self.firm}.example": Listed(
                f"Trader Number {number}", f"Desk {number % _DESKS}", firm=f"f{number // self.firm}"
            )
            for number in range(self.people)
        }


_SIZES = (_Size(1_000, 1_000), _Size(10_000, 100))
_QUICK_SIZES = (_Size(60, 30),)


@dataclass(frozen=True, slots=True)
class _Step:
    """What one step took: time, requests, entries written, growth of the gate's log, the server's share of a core."""

    seconds: float
    requests: int
    entries: int
    log_bytes: int
    core: float
    pings_ms: list[float]

    def row(self, what: str) -> tuple[str, ...]:
        return (
            what,
            f"{self.seconds:,.1f}",
            f"{self.requests:,}",
            f"{self.entries:,}",
            f"{self.log_bytes / 1e6:,.1f}",
            f"{self.core:.0%}",
            f"{percentile(self.pings_ms, 50):.1f}",
            f"{percentile(self.pings_ms, 99):.1f}",
        )


async def measure(bench: Bench) -> Findings:
    """How long it takes to fill empty rosters, to compare full ones after a restart, and to add a newcomer to all.

    1,000 people of one enterprise, and 10,000 in enterprises of 100; the pace is the default of the settings.
    Meanwhile a client pings the server, 50 times a second.
    """
    tables, newcomers, compared = [], [], []
    for number in range(1, bench.rounds + 1):
        for size in bench.pick(_SIZES, _QUICK_SIZES):
            bench.announce(f"round {number} of {bench.rounds}: {size.people:,} people")
            steps = await _measure(bench.new_folder(), size)
            newcomers.append(steps["a newcomer"].seconds / size.firm * 100)
            compared.append(steps["compared"].seconds / size.people * 1000)
            title = f"{size.people:,} people in enterprises of {size.firm:,}"
            tables.append(Table(title, _HEADER, tuple(step.row(what) for what, step in steps.items())))
    figures = (
        median_of("compared after a restart, for each 1,000 people", compared, "s"),
        median_of("a newcomer is in 100 rosters after", newcomers, "s", at_most(2.0)),
    )
    return Findings(figures, tuple(tables))


async def _measure(folder: Path, size: _Size) -> dict[str, _Step]:
    people = size.make()
    site = RosterSite(folder, people, domains=size.domains, room_domains=())
    await site.prosody.start()
    try:
        await site.gate.start()
        async with _pinging(site) as pings:
            steps = {"filled": await _step(site, pings, lambda: _start(site))}
            await site.roster.stop()
            steps["compared"] = await _step(site, pings, lambda: _start(site))
            newcomer = f"newcomer@{size.domains[0]}"
            site.register([newcomer])
            people[newcomer] = Listed("New Comer", "Desk 1", firm="f0")
            steps["a newcomer"] = await _step(site, pings, lambda: _join(site, people, size.firm))
            return steps
    finally:
        await site.kill9()


async def _start(site: RosterSite) -> None:
    site.roster.launch()
    await _until(
        lambda: site.roster.status().get("state") == "connected" and site.roster.status()["waiting"] == 0
    )


async def _join(site: RosterSite, people: dict[str, Listed], firm: int) -> None:
    wanted = site.roster.status()["written"] + 2 * firm
    site.list_people(people)
    await _until(lambda: site.roster.status()["written"] == wanted)


async def _until(done: Callable[[], bool]) -> None:
    if not await wait_until(done, _FULL_TIMEOUT_S):
        raise BenchError("the roster component did not get done")


async def _step(site: RosterSite, pings_ms: list[float], act: Callable[[], Awaitable[None]]) -> _Step:
    pings_ms.clear()
    before = site.roster.status() if site.roster.running else {}
    server = psutil.Process(site.prosody.pid)
    began_s, cpu_s, log_bytes = time.monotonic(), _cpu_s(server), _log_bytes(site)
    await act()
    seconds, after = time.monotonic() - began_s, site.roster.status()
    return _Step(
        seconds,
        after["requests"] - before.get("requests", 0),
        after["written"] - before.get("written", 0),
        _log_bytes(site) - log_bytes,
        (_cpu_s(server) - cpu_s) / seconds,
        sorted(pings_ms),
    )


@asynccontextmanager
async def _pinging(site: RosterSite) -> AsyncIterator[list[float]]:
    stream = await XmppStream.login(site.prosody.address, f"t0@{site.plan.domains[0]}/ping")
    taken_ms: list[float] = []

    async def ping() -> None:
        while True:
            began_s = time.monotonic()
            await stream.ping()
            taken_ms.append((time.monotonic() - began_s) * 1000)
            stream.received.clear()
            await asyncio.sleep(_PING_EVERY_S)

    task = asyncio.create_task(ping())
    try:
        yield taken_ms
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _log_bytes(site: RosterSite) -> int:
    """Return the size of the gate's log with what is not yet in its main file."""
    file = site.gate.log_file
    return sum(each.stat().st_size for each in file.parent.glob(f"{file.name}*"))


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
