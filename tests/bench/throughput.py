"""Throughput at saturation."""

from collections import defaultdict

from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.errors import BenchError
from tests.bench.figures import Figure, Findings, RawRun, at_least, median_of, ratio_of_medians
from tests.bench.saturate import Saturation, saturate
from tests.bench.set_ups import (
    BARE,
    MAM_INTERNAL,
    MAM_SQLITE,
    STEELYARD,
    WITHOUT_POLICY,
    set_up,
)
from tests.bench.tables import cpu_table

PAIRS = 8
WINDOWS = (64, 16)

_SET_UPS = (BARE, STEELYARD, WITHOUT_POLICY, MAM_INTERNAL, MAM_SQLITE)
_WANTED_OF_BARE = {
    STEELYARD: {64: at_least(0.60), 16: at_least(0.50)},
    WITHOUT_POLICY: {64: at_least(0.70), 16: at_least(0.65)},
}
_WANTED_OF_MAM = {MAM_INTERNAL: at_least(2), MAM_SQLITE: at_least(10)}

Runs = dict[tuple[str, int], list[Saturation]]


async def measure(bench: Bench) -> Findings:
    """How many 1:1 messages a second pass when clients send as fast as they can.

    Eight pairs of users, each pair with a constant number of messages in flight (its *window*): whenever one arrives,
    the next is sent. The run compares a bare Prosody; Steelyard, which decides on each message, records and fsyncs it
    before it is delivered, with the example policy in force and without; and Prosody with its own archive (mod_mam) in
    `internal` storage, which never fsyncs, and in SQLite.
    """
    runs: Runs = defaultdict(list)
    for _, name, folder in bench.turns(*_SET_UPS):
        async with set_up(name, folder, 2 * PAIRS) as server:
            for window in WINDOWS:
                before = await server.count_kept()
                run = await run_apart(saturate, server.target, PAIRS, window, bench.pick(5.0, 1.0))
                if run.missing or run.errors:
                    raise BenchError(f"{name}: {run.missing} messages got lost, {run.errors} came back")
                await server.require_kept(run.received, before)
                runs[name, window].append(run)
    return _findings(runs)


def _findings(runs: Runs) -> Findings:
    figures: list[Figure] = []
    for window in WINDOWS:
        rates = {name: [run.rate for run in runs[name, window]] for name in _SET_UPS}
        ours = rates[STEELYARD]
        figures += [median_of(f"{name}, window {window}", rates[name], "messages/s") for name in _SET_UPS]
        figures += [
            ratio_of_medians(
                f"{name} / {BARE}, window {window}", rates[name], rates[BARE], wanted_of_bare[window]
            )
            for name, wanted_of_bare in _WANTED_OF_BARE.items()
        ]
        figures += [
            ratio_of_medians(f"{STEELYARD} / {name}, window {window}", ours, rates[name], wanted)
            for name, wanted in _WANTED_OF_MAM.items()
        ]
    cpu = {f"{name}, window {window}": [run.cpu for run in rounds] for (name, window), rounds in runs.items()}
    raw: list[RawRun] = [
        {"set_up": name, "window": window, "rate": run.rate, "received": run.received, **run.cpu}
        for (name, window), rounds in runs.items()
        for run in rounds
    ]
    return Findings(tuple(figures), (cpu_table(cpu),), tuple(raw))
