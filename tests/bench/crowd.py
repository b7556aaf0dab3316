"""Ten thousand people online."""

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.client import Target, log_in
from tests.bench.errors import BenchError
from tests.bench.figures import Figure, Findings, at_most, median_of, percentile, ratio_of_medians, single
from tests.bench.offer import Offered, offer
from tests.bench.schedule import Schedule
from tests.bench.set_ups import GATE, PROSODY, STEELYARD, SetUp, set_up
from tests.bench.tables import cpu_table
from tests.bench.usage import MIB, SERVER_CORE, CpuMeter

PEOPLE = 10_000
PAIRS = 8
RATE = 500

_AT_ONCE = 32
_WARM_UP_S = 2.0
_FILES_BESIDE = 512
_PRESENCE = b"<presence/>"


@dataclass(frozen=True, slots=True)
class _State:
    """What the processes of a set-up have used so far: memory by name, in MiB, and seconds of a core."""

    memory_mib: dict[str, float]
    cpu_s: dict[str, float]
    log_bytes: int
    records: int


@dataclass(frozen=True, slots=True)
class _Run:
    """One run: the latencies with few people online and with all of them, and what all of them took."""

    few: Offered
    all: Offered
    came_s: float
    before: _State
    after: _State
    after_talk: _State
    coming: dict[str, float]


async def measure(bench: Bench) -> Findings:
    """What it takes that 10,000 people are online at once, and how long a message takes then.

    One Prosody and one gate, with the example policy. Each person logs in (SASL PLAIN, without TLS, 32 at a time),
    sends presence, has an empty roster, and says nothing. Meanwhile eight pairs send 500 messages a second, evenly
    spaced, once with nobody else online and once with all. Memory is resident memory before the crowd came and after.
    The crowd is on the gate's core, and the load generator on Prosody's.
    """
    people = bench.pick(PEOPLE, 100)
    seconds = bench.pick(20.0, 1.0)
    with _many_files(people + _FILES_BESIDE):
        runs = [await _run(bench.new_folder(), people, seconds) for _ in _rounds(bench)]
    shares = {
        f"{people:,} log in": [run.coming for run in runs],
        f"{2 * PAIRS} online, {RATE} messages/s": [run.few.cpu for run in runs],
        f"{people:,} online, {RATE} messages/s": [run.all.cpu for run in runs],
    }
    return Findings(tuple(_figures(people, runs)), (cpu_table(shares),))


def _rounds(bench: Bench) -> Iterator[int]:
    for number in range(1, bench.rounds + 1):
        bench.announce(f"round {number} of {bench.rounds}")
        yield number


def _figures(people: int, runs: Sequence[_Run]) -> Iterator[Figure]:
    yield single("online at once", people, "people")
    yield median_of("came online", [people / run.came_s for run in runs], "people/s")
    for name in (PROSODY, GATE):
        used = [(run.after.cpu_s[name] - run.before.cpu_s[name]) * 1000 / people for run in runs]
        yield median_of(f"{name}: CPU for each that comes", used, "ms")
    for name in (PROSODY, GATE):
        yield median_of(f"{name}: memory before", [run.before.memory_mib[name] for run in runs], "MiB")
        yield median_of(
            f"{name}: memory with all online", [run.after.memory_mib[name] for run in runs], "MiB"
        )
        grown = [(run.after.memory_mib[name] - run.before.memory_mib[name]) * 1024 / people for run in runs]
        yield median_of(f"{name}: memory for each that is online", grown, "KiB")
    for percent in (50, 99):
        for label, few in (("with few online", True), ("with all online", False)):
            taken = [_percentile(run.few if few else run.all, percent) for run in runs]
            yield median_of(f"p{percent} at {RATE} messages/s, {label}", taken, "ms")
    latest = ([_percentile(run.all, 99) for run in runs], [_percentile(run.few, 99) for run in runs])
    yield ratio_of_medians("p99, with all online / with few", *latest, at_most(2.0))
    sizes = [
        (run.after_talk.log_bytes - run.after.log_bytes) / (run.after_talk.records - run.after.records)
        for run in runs
    ]
    yield median_of("the log's bytes for a record, of short messages", sizes, "bytes")
    coming = [(run.after.records - run.before.records) / people for run in runs]
    yield median_of("records for each that comes", coming)


def _percentile(offered: Offered, percent: float) -> float:
    return percentile(offered.latencies_ms(offered.phases[1]), percent)


async def _run(folder: Path, people: int, seconds: float) -> _Run:
    async with set_up(STEELYARD, folder, people) as server:
        few = await _talk(server.target, seconds)
        before = await _look(server)
        meter, began_s = CpuMeter(server.target.processes), time.monotonic()
        async with _online(server.target, range(2 * PAIRS, people)):
            came_s, coming = time.monotonic() - began_s, meter.shares()
            after = await _look(server)
            all_ = await _talk(server.target, seconds)
            after_talk = await _look(server)
    return _Run(few, all_, came_s, before, after, after_talk, coming)


async def _talk(target: Target, seconds: float) -> Offered:
    schedules = [Schedule(RATE, _WARM_UP_S), Schedule(RATE, seconds)]
    offered = await run_apart(offer, target, PAIRS, schedules, core=SERVER_CORE)
    if offered.missing or offered.errors:
        raise BenchError(f"{offered.missing} messages were lost, and {offered.errors} came back")
    return offered


class _Silent(asyncio.Protocol):
    """All that a session does which is only there: one object for all of them."""

    def __init__(self) -> None:
        self.lost = 0

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost += 1


@asynccontextmanager
async def _online(target: Target, numbers: range) -> AsyncIterator[None]:
    """Bring these accounts online, some at a time; raises BenchError for one that does not stay."""
    silent, sessions = _Silent(), list[asyncio.Transport]()
    waiting = iter(numbers)

    async def bring() -> None:
        for number in waiting:
            session = await log_in(target, number)
            session.set_protocol(silent)
            session.write(_PRESENCE)
            sessions.append(session)

    try:
        await asyncio.gather(*(bring() for _ in range(_AT_ONCE)))
        yield
        if silent.lost:
            raise BenchError(f"{silent.lost} of {len(numbers)} sessions ended")
    finally:
        for session in sessions:
            session.abort()


async def _look(server: SetUp) -> _State:
    memory_mib, cpu_s = {}, {}
    for name, pid in server.target.processes.items():
        process = psutil.Process(pid)
        times = process.cpu_times()
        memory_mib[name], cpu_s[name] = process.memory_info().rss / MIB, times.user + times.system
    assert server.gate is not None
    file = server.gate.log_file
    size = sum(each.stat().st_blocks * 512 for each in file.parent.glob(f"{file.name}*"))
    return _State(memory_mib, cpu_s, size, await server.count_kept())


@contextmanager
def _many_files(count: int) -> Iterator[None]:
    """Let this process, and what it starts, have that many files open; raises BenchError where it must not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise BenchError(f"a process may have {hard} files open here, and this needs {count}: ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
