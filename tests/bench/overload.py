"""More than fits."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.figures import (
    Figure,
    Findings,
    RawRun,
    at_least,
    at_most,
    median_of,
    percentile,
    worst_of,
)
from tests.bench.offer import Offered, offer
from tests.bench.saturate import saturate
from tests.bench.schedule import NS_PER_SECOND, Schedule
from tests.bench.set_ups import BARE, STEELYARD, set_up
from tests.bench.tables import cpu_table

PAIRS = 8
WINDOW = 64
OVERLOAD, RELIEF = 1.5, 0.5
BEFORE, CROWDED, AFTER = range(3)

KEPT_UP = "throughput in overload / capacity"
BOUNCED = "messages that came back as errors"
LOST = "messages lost"
RECOVERY = "recovery"

_CALM_NS = 20_000_000
_STEP_NS = 100_000_000
_STEPS_PER_SECOND = NS_PER_SECOND // _STEP_NS
_WANTED = {KEPT_UP: at_least(0.8), LOST: at_most(0), RECOVERY: at_most(3)}


@dataclass(frozen=True, slots=True)
class Run:
    """What one set-up could do at most, and what it did when it was offered more, then less."""

    capacity: float
    offered: Offered


async def measure(bench: Bench) -> Findings:
    """What happens when clients send half as much again as the line can carry.

    First the capacity (a closed loop, window 64). Then half of it is offered for 10 seconds, evenly spaced; 1.5 times
    it for 20 seconds, on connections that only TCP slows down: messages that are due while a connection accepts no
    more are not sent; and half of it again for 10 seconds. What is due is sent every 2 ms: the load generator shares
    the gate's core, and would take much of it with a write for each message. Latency counts from when a message was
    written to its socket. *Recovery* is the time from the end of the overload to the first second whose 99th
    percentile is no worse than that of the worst second before the overload (or 20 ms, if that was better). *Growth*
    compares the 99th percentile in the last quarter of the overload with that in the second.
    """
    runs: dict[str, list[Run]] = defaultdict(list)
    for _, name, folder in bench.turns(BARE, STEELYARD):
        async with set_up(name, folder, 2 * PAIRS) as server:
            capacity = (await run_apart(saturate, server.target, PAIRS, WINDOW, bench.pick(5.0, 1.0))).rate
            schedules = [
                Schedule(RELIEF * capacity, bench.pick(10.0, 2.0)),
                Schedule(OVERLOAD * capacity, bench.pick(20.0, 3.0)),
                Schedule(RELIEF * capacity, bench.pick(10.0, 2.0)),
            ]
            runs[name].append(Run(capacity, await run_apart(offer, server.target, PAIRS, schedules, True)))
    figures = [figure for name in (BARE, STEELYARD) for figure in _figures(name, runs[name])]
    cpu = {name: [run.offered.cpu for run in rounds] for name, rounds in runs.items()}
    raw: list[RawRun] = [
        {
            "set_up": name,
            "capacity": run.capacity,
            "throughput": _throughput(run.offered),
            "withheld": run.offered.phases[CROWDED].withheld,
            "errors": run.offered.errors,
        }
        for name, rounds in runs.items()
        for run in rounds
    ]
    return Findings(tuple(figures), (cpu_table(cpu),), tuple(raw))


def seconds_p99_ns(
    arrived_ns: Sequence[int], latency_ns: Sequence[int], begin_ns: int, end_ns: int
) -> list[float]:
    """Give the 99th percentile of each second that begins at a tenth of one; infinite for a second of silence."""
    steps: list[list[int]] = [[] for _ in range((end_ns - begin_ns) // _STEP_NS)]
    for at_ns, latency in zip(arrived_ns, latency_ns, strict=True):
        if 0 <= (place := (at_ns - begin_ns) // _STEP_NS) < len(steps):
            steps[place].append(latency)
    windows = [
        steps[first : first + _STEPS_PER_SECOND] for first in range(len(steps) - _STEPS_PER_SECOND + 1)
    ]
    return [
        percentile(sorted(chain.from_iterable(window)), 99) if all(window) else math.inf for window in windows
    ]


def recovery_s(p99_ns: Sequence[float], level_ns: float) -> float:
    """Give when the first second begins whose 99th percentile is at most `level_ns`; the whole time when none does."""
    calm = (first for first, p99 in enumerate(p99_ns) if p99 <= level_ns)
    return next(calm, len(p99_ns)) * _STEP_NS / NS_PER_SECOND


def _figures(name: str, runs: Sequence[Run]) -> list[Figure]:
    wanted = _WANTED if name == STEELYARD else {}

    def figure(what: str, rounds: Sequence[float], unit: str = "") -> Figure:
        full = f"{name}: {what}"
        return worst_of(full, rounds, unit, wanted[what]) if what in wanted else median_of(full, rounds, unit)

    offered = [run.offered for run in runs]
    crowded = [one.latencies_ms(one.phases[CROWDED]) for one in offered]
    return [
        figure("capacity", [run.capacity for run in runs], "messages/s"),
        figure(KEPT_UP, [_throughput(run.offered) / run.capacity for run in runs]),
        figure(
            "share that clients withheld",
            [one.phases[CROWDED].withheld / one.phases[CROWDED].due for one in offered],
        ),
        figure(BOUNCED, [one.errors for one in offered]),
        figure(LOST, [one.missing for one in offered]),
        figure("p99 in the worst second before", [_calm_level_ns(one) / 1e6 for one in offered], "ms"),
        figure("p50 in overload", [percentile(latencies, 50) for latencies in crowded], "ms"),
        figure("p99 in overload", [percentile(latencies, 99) for latencies in crowded], "ms"),
        figure("growth of p99 in overload", [_growth_of_p99(one) for one in offered]),
        figure(RECOVERY, [_recovery_s(one) for one in offered], "s"),
    ]


def _throughput(offered: Offered) -> float:
    phase = offered.phases[CROWDED]
    arrived = sum(1 for at_ns in offered.arrived_ns if phase.begin_ns <= at_ns < phase.end_ns)
    return arrived * NS_PER_SECOND / (phase.end_ns - phase.begin_ns)


def _growth_of_p99(offered: Offered) -> float:
    phase = offered.phases[CROWDED]
    quarter_ns = (phase.end_ns - phase.begin_ns) // 4
    second, last = (
        replace(phase, begin_ns=begin_ns, end_ns=begin_ns + quarter_ns)
        for begin_ns in (phase.begin_ns + quarter_ns, phase.end_ns - quarter_ns)
    )
    return percentile(offered.latencies_ms(last), 99) / percentile(offered.latencies_ms(second), 99)


def _p99_of_seconds(offered: Offered, place: int) -> list[float]:
    phase = offered.phases[place]
    return seconds_p99_ns(offered.arrived_ns, offered.latency_ns, phase.begin_ns, phase.end_ns)


def _calm_level_ns(offered: Offered) -> float:
    return max(_p99_of_seconds(offered, BEFORE))


def _recovery_s(offered: Offered) -> float:
    level_ns = max(_CALM_NS, _calm_level_ns(offered))
    return recovery_s(_p99_of_seconds(offered, AFTER), level_ns)
