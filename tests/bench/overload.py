"""More than fits."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

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

KEPT_UP = "throughput in overload / capacity"
BOUNCED = "messages that came back as errors"
LOST = "messages lost"
RECOVERY = "recovery"

_CALM_NS = 20_000_000
_BIN_NS = 100_000_000
_WANTED = {KEPT_UP: at_least(0.8), LOST: at_most(0), RECOVERY: at_most(3)}


@dataclass(frozen=True, slots=True)
class Run:
    """What one set-up could do at most, and what it did when it was offered more, then less."""

    capacity: float
    offered: Offered


async def measure(bench: Bench) -> Findings:
    """What happens when clients send half as much again as the line can carry.

    First the capacity (a closed loop, window 64). Then 1.5 times as much is offered for 20 seconds, evenly spaced,
    on connections that are slowed by TCP alone: what is due while a connection takes no more is not sent. Then half
    the capacity for 10 seconds. Latency counts from when a message was written to its socket; *recovery* is the
    time after the overload until the 99th percentile of each tenth of a second stays below 20 ms. *Growth* compares
    the 99th percentile in the last quarter of the overload with that in the second.
    """
    runs: dict[str, list[Run]] = defaultdict(list)
    for _, name, folder in bench.turns(BARE, STEELYARD):
        async with set_up(name, folder, 2 * PAIRS) as server:
            capacity = (await run_apart(saturate, server.target, PAIRS, WINDOW, bench.pick(5.0, 1.0))).rate
            schedules = [
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
            "withheld": run.offered.phases[0].withheld,
            "errors": run.offered.errors,
        }
        for name, rounds in runs.items()
        for run in rounds
    ]
    return Findings(tuple(figures), (cpu_table(cpu),), tuple(raw))


def recovery_s(arrived_ns: Sequence[int], latency_ns: Sequence[int], begin_ns: int, end_ns: int) -> float:
    """Give the time from `begin_ns` after which each tenth of a second is calm: p99 at most 20 ms, not empty."""
    bins: list[list[int]] = [[] for _ in range((end_ns - begin_ns) // _BIN_NS)]
    for at_ns, latency in zip(arrived_ns, latency_ns, strict=True):
        if 0 <= (place := (at_ns - begin_ns) // _BIN_NS) < len(bins):
            bins[place].append(latency)
    restless = [
        place
        for place, latencies in enumerate(bins)
        if not latencies or percentile(sorted(latencies), 99) > _CALM_NS
    ]
    return (restless[-1] + 1 if restless else 0) * _BIN_NS / NS_PER_SECOND


def _figures(name: str, runs: Sequence[Run]) -> list[Figure]:
    wanted = _WANTED if name == STEELYARD else {}

    def figure(what: str, rounds: Sequence[float], unit: str = "") -> Figure:
        full = f"{name}: {what}"
        return worst_of(full, rounds, unit, wanted[what]) if what in wanted else median_of(full, rounds, unit)

    offered = [run.offered for run in runs]
    crowded = [one.latencies_ms(one.phases[0]) for one in offered]
    return [
        figure("capacity", [run.capacity for run in runs], "messages/s"),
        figure(KEPT_UP, [_throughput(run.offered) / run.capacity for run in runs]),
        figure(
            "share that clients withheld", [one.phases[0].withheld / one.phases[0].due for one in offered]
        ),
        figure(BOUNCED, [one.errors for one in offered]),
        figure(LOST, [one.missing for one in offered]),
        figure("p50 in overload", [percentile(latencies, 50) for latencies in crowded], "ms"),
        figure("p99 in overload", [percentile(latencies, 99) for latencies in crowded], "ms"),
        figure("growth of p99 in overload", [_growth_of_p99(one) for one in offered]),
        figure(RECOVERY, [_recovery_s(one) for one in offered], "s"),
    ]


def _throughput(offered: Offered) -> float:
    phase = offered.phases[0]
    arrived = sum(1 for at_ns in offered.arrived_ns if phase.begin_ns <= at_ns < phase.end_ns)
    return arrived * NS_PER_SECOND / (phase.end_ns - phase.begin_ns)


def _growth_of_p99(offered: Offered) -> float:
    phase = offered.phases[0]
    quarter_ns = (phase.end_ns - phase.begin_ns) // 4
    second, last = (
        replace(phase, begin_ns=begin_ns, end_ns=begin_ns + quarter_ns)
        for begin_ns in (phase.begin_ns + quarter_ns, phase.end_ns - quarter_ns)
    )
    return percentile(offered.latencies_ms(last), 99) / percentile(offered.latencies_ms(second), 99)


def _recovery_s(offered: Offered) -> float:
    phase = offered.phases[1]
    return recovery_s(offered.arrived_ns, offered.latency_ns, phase.begin_ns, phase.end_ns)
