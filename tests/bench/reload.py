"""Rules that change while the line is used."""

import asyncio
import time
from pathlib import Path

from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.client import user_name
from tests.bench.errors import BenchError
from tests.bench.figures import Findings, at_most, median_of, percentile
from tests.bench.offer import Offered, offer
from tests.bench.schedule import Schedule
from tests.bench.set_ups import STEELYARD, set_up
from tests.bench.usage import SERVER_CORE

PEOPLE = 10_000
PAIRS = 8
RATE = 500

_WARM_UP_S = 1.0
_CHANGES = 4
_APART_S = 2.0
_TIMEOUT_S = 30.0
_CHANGED = b"rules changed"


async def measure(bench: Bench) -> Findings:
    """How long a changed directory of 10,000 people takes to come into force, and how it affects the line.

    Eight pairs of users send 500 messages a second, evenly spaced; first nothing changes, then a person joins or
    leaves the directory every two seconds. *In force* counts from the new file to the gate's log line: the next stanza
    is decided by the new rules.
    """
    quiet, busy, taken = [], [], []
    duration_s = bench.pick(_CHANGES * _APART_S, 2 * _APART_S)
    for number in range(1, bench.rounds + 1):
        bench.announce(f"round {number} of {bench.rounds}")
        folder = bench.new_folder()
        async with set_up(STEELYARD, folder, 2 * PAIRS) as server:
            file = folder / "gate" / "directory.toml"
            log = folder / "gate" / "gate.out"
            await _change(file, log, make_directory(_base_of(file), 0))

            async def send() -> Offered:
                schedules = [Schedule(RATE, _WARM_UP_S), Schedule(RATE, duration_s)]
                return await run_apart(offer, server.target, PAIRS, schedules, core=SERVER_CORE)

            quiet.append(await send())
            run, seconds = await asyncio.gather(send(), _change_often(file, log, duration_s))
            busy.append(run)
            taken += seconds
    for run in quiet + busy:
        if run.missing or run.errors:
            raise BenchError(f"{run.missing} messages got lost, {run.errors} came back")
    calm = [run.latencies_ms(run.phases[1]) for run in quiet]
    changing = [run.latencies_ms(run.phases[1]) for run in busy]
    return Findings(
        (
            median_of("in force after", taken, "s", at_most(1.0)),
            median_of("p50, nothing changes", [percentile(each, 50) for each in calm], "ms"),
            median_of("p50, while rules change", [percentile(each, 50) for each in changing], "ms"),
            median_of("p99, nothing changes", [percentile(each, 99) for each in calm], "ms"),
            median_of("p99, while rules change", [percentile(each, 99) for each in changing], "ms"),
            median_of("longest, nothing changes", [max(each) for each in calm], "ms"),
            median_of("longest, while rules change", [max(each) for each in changing], "ms"),
        )
    )


def make_directory(base: str, number: int) -> str:
    """Make an enterprise's directory of 10,000 people, in which somebody else is the last one each time."""
    domain = base.partition('domain = "')[2].partition('"')[0]
    others = [f"{user_name(PEOPLE + each)}" for each in range(PEOPLE - 2 * PAIRS - 1)] + [f"last{number}"]
    firm = base.partition("[[enterprise.")[2].partition(".person]]")[0]
    return base + "".join(
        f'\n[[enterprise.{firm}.person]]\njid = "{name}@{domain}"\nname = "P"\nroles = ["trader"]\n'
        for name in others
    )


async def _change_often(file: Path, log: Path, duration_s: float) -> list[float]:
    base = _base_of(file)
    await asyncio.sleep(_WARM_UP_S)
    taken = []
    for number in range(1, int(duration_s / _APART_S) + 1):
        began_s = time.monotonic()
        taken.append(await _change(file, log, make_directory(base, number)))
        await asyncio.sleep(max(0.0, _APART_S - (time.monotonic() - began_s)))
    return taken


async def _change(file: Path, log: Path, text: str) -> float:
    """Put another directory in force, and return how many seconds that took."""
    before = _count_changes(log)
    began_s = _replace(file, text)
    while _count_changes(log) == before:
        if time.monotonic() - began_s > _TIMEOUT_S:
            raise BenchError(f"the rules did not change in {_TIMEOUT_S} s")
        await asyncio.sleep(0.01)
    return time.monotonic() - began_s


def _base_of(file: Path) -> str:
    """Return a directory without what `make_directory` added to it."""
    return file.read_text().partition(f'\n[[enterprise.metals.person]]\njid = "{user_name(PEOPLE)}@')[0]


def _replace(file: Path, text: str) -> float:
    """Write a file whole, and return when it was there."""
    draft = file.with_suffix(".new")
    draft.write_text(text)
    began_s = time.monotonic()
    draft.replace(file)
    return began_s


def _count_changes(log: Path) -> int:
    return log.read_bytes().count(_CHANGED)
