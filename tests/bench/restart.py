"""A gate that is replaced while the line is used."""

import asyncio
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.errors import BenchError
from tests.bench.figures import Findings, at_most, median_of, percentile
from tests.bench.offer import Offered, offer
from tests.bench.schedule import Schedule
from tests.bench.set_ups import GATE, STEELYARD, SetUp, set_up
from tests.bench.usage import SERVER_CORE

PAIRS = 8
RATE = 2_000

_WARM_UP_S = 1.0
_APART_S = 3.0
_RESTARTS = 3
_NS_PER_MS = 1e6


@dataclass(frozen=True, slots=True)
class _Run:
    """One run: what arrived, and how long each hand-over took, with the start of the successor."""

    offered: Offered
    took_s: list[float]


async def measure(bench: Bench) -> Findings:
    """How long nobody receives anything while a gate is replaced as `steelyard restart gate` does it.

    Eight pairs of users send 2,000 messages a second, evenly spaced; a new gate takes over every three seconds. A
    *pause* is the longest time in which no message arrives. Nothing may be lost, sent back, twice or out of order. The
    successor starts on the core of the gate.
    """
    runs = []
    for number in range(1, bench.rounds + 1):
        bench.announce(f"round {number} of {bench.rounds}")
        runs.append(await _run(bench.new_folder(), bench.pick(_RESTARTS, 1)))
    for run in runs:
        _require_all(run.offered)
    latencies = [run.offered.latencies_ms(run.offered.phases[1]) for run in runs]
    return Findings(
        (
            median_of("longest pause", [find_pause_ms(run.offered) for run in runs], "ms", at_most(1000.0)),
            median_of("longest a message took", [max(each) for each in latencies], "ms", at_most(1000.0)),
            median_of("p50", [percentile(each, 50) for each in latencies], "ms"),
            median_of("p99", [percentile(each, 99) for each in latencies], "ms"),
            median_of("a hand-over, with the start", [max(run.took_s) for run in runs], "s"),
        )
    )


def find_pause_ms(offered: Offered) -> float:
    """Return the longest time between two arrivals of the measured phase."""
    phase = offered.phases[1]
    arrived = sorted(at_ns for at_ns in offered.arrived_ns if phase.begin_ns <= at_ns < phase.end_ns)
    return max((late - early for early, late in pairwise(arrived)), default=0) / _NS_PER_MS


def _require_all(offered: Offered) -> None:
    wrong = (offered.missing, offered.errors, offered.twice, offered.out_of_order)
    if any(wrong):
        raise BenchError("{} messages were lost, {} came back, {} came twice, {} out of order".format(*wrong))


async def _run(folder: Path, restarts: int) -> _Run:
    schedules = [Schedule(RATE, _WARM_UP_S), Schedule(RATE, (restarts + 1) * _APART_S)]
    async with set_up(STEELYARD, folder, 2 * PAIRS) as server:
        # The gate's process ends, so its share of the core is not measured.
        processes = {name: pid for name, pid in server.target.processes.items() if name != GATE}
        target = replace(server.target, processes=processes)
        offered, took_s = await asyncio.gather(
            run_apart(offer, target, PAIRS, schedules, core=SERVER_CORE), _replace_often(server, restarts)
        )
    return _Run(offered, took_s)


async def _replace_often(server: SetUp, restarts: int) -> list[float]:
    assert server.gate is not None
    took_s = []
    await asyncio.sleep(_WARM_UP_S)
    for _ in range(restarts):
        await asyncio.sleep(_APART_S)
        began_s = time.monotonic()
        await server.gate.hand_over()
        took_s.append(time.monotonic() - began_s)
    return took_s
