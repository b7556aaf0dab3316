"""Latency on a line that is not at its limit."""

from collections import defaultdict

from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.errors import BenchError
from tests.bench.figures import (
    Figure,
    Findings,
    RawRun,
    at_most,
    difference_of_medians,
    median_of,
    percentile,
)
from tests.bench.offer import Offered, offer
from tests.bench.schedule import Schedule
from tests.bench.set_ups import BARE, STEELYARD, WITHOUT_POLICY, set_up
from tests.bench.tables import cpu_table
from tests.bench.usage import SERVER_CORE

PAIRS = 8
RATES = (500, 2000)

_WARM_UP_S = 1.0
_WANTED = {50: at_most(1.0), 99: at_most(6.0)}

_SET_UPS = (BARE, STEELYARD, WITHOUT_POLICY)

Runs = dict[tuple[str, int], list[Offered]]


async def measure(bench: Bench) -> Findings:
    """How much later a message arrives because it is recorded first.

    Eight pairs of users send 500 and 2,000 messages a second, evenly spaced, through a bare Prosody and through
    Steelyard, with the example policy in force and without. Each message's latency counts from when it was *due*, so a
    stall delays all messages that were due meanwhile. *Generator lag* is how late the load generator itself sent (99th
    percentile). It shares Prosody's core here, which has free time at these rates. On the gate's core it would read
    late what arrives in time.
    """
    runs: Runs = defaultdict(list)
    for _, name, folder in bench.turns(*_SET_UPS):
        async with set_up(name, folder, 2 * PAIRS) as server:
            for rate in RATES:
                schedules = [Schedule(rate, _WARM_UP_S), Schedule(rate, bench.pick(10.0, 2.0))]
                run = await run_apart(offer, server.target, PAIRS, schedules, core=SERVER_CORE)
                if run.missing or run.errors:
                    raise BenchError(f"{name}: {run.missing} messages got lost, {run.errors} came back")
                runs[name, rate].append(run)
    return _findings(runs)


def _findings(runs: Runs) -> Findings:
    measured = {key: [run.latencies_ms(run.phases[1]) for run in rounds] for key, rounds in runs.items()}
    figures: list[Figure] = []
    for rate in RATES:
        for percent, wanted in _WANTED.items():
            by_set_up = {
                name: [percentile(latencies, percent) for latencies in measured[name, rate]]
                for name in _SET_UPS
            }
            what = f"p{percent} at {rate:,} messages/s"
            figures += [median_of(f"{what}, {name}", found, "ms") for name, found in by_set_up.items()]
            figures += [
                difference_of_medians(
                    f"{what}, added by {name}", by_set_up[name], by_set_up[BARE], "ms", wanted
                )
                for name in (STEELYARD, WITHOUT_POLICY)
            ]
        lags = [run.phases[1].lag_p99_ms for name in _SET_UPS for run in runs[name, rate]]
        figures.append(median_of(f"generator lag at {rate:,} messages/s", lags, "ms"))
    cpu = {
        f"{name}, {rate:,} messages/s": [run.cpu for run in rounds] for (name, rate), rounds in runs.items()
    }
    raw: list[RawRun] = [
        {"set_up": name, "rate": rate, **{f"p{p}_ms": percentile(latencies, p) for p in (50, 90, 99, 99.9)}}
        for (name, rate), rounds in measured.items()
        for latencies in rounds
    ]
    return Findings(tuple(figures), (cpu_table(cpu),), tuple(raw))
