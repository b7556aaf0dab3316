"""How long a record waits for a checkpoint over it, as a witness or an auditor would see it."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import uvloop

from components.archive.reader import LogReader
from components.archive.writer import LogWriter
from tests.bench.archive_log import append_as_gate, make_batch, open_log
from tests.bench.errors import BenchError
from tests.bench.figures import Figure, at_most, percentile, single

STEADY = "steadily"
FLAT_OUT = "as fast as it can"

_BATCH = 20
_INTERVAL_S = {STEADY: 0.01, FLAT_OUT: 0.0}
_LOOK_EVERY_S = 0.01


@dataclass(frozen=True, slots=True)
class Ages:
    """The age of the oldest record without a checkpoint at each look, in s, ascending."""

    records: int
    checkpoints: int
    ages_s: tuple[float, ...]


class Waiting:
    """The records that no checkpoint covers yet, and since when the oldest of them waits."""

    def __init__(self) -> None:
        self._batches: deque[tuple[int, float]] = deque()

    def add(self, size: int, at_s: float) -> None:
        """Note that an append was called for at this time, and led to a log of `size`."""
        self._batches.append((size, at_s))

    def look(self, signed_size: int, at_s: float) -> float:
        """Give the age that the oldest had reached, 0 when none waited, and let go of those covered now.

        What this look finds covered may have been so for a while: its age up to now counts, never too little.
        """
        age_s = at_s - self._batches[0][1] if self._batches else 0.0
        while self._batches and self._batches[0][0] <= signed_size:
            self._batches.popleft()
        return age_s


def sample_ages(path: Path, pace: str, duration_s: float) -> Ages:
    """Append batches of 20, every 10 ms or one after the other, and look for checkpoints every 10 ms."""
    return uvloop.run(_sample_ages(path, _INTERVAL_S[pace], duration_s))


async def _sample_ages(path: Path, interval_s: float, duration_s: float) -> Ages:
    waiting = Waiting()
    async with open_log(path) as writer:
        reader = await LogReader.open(path)
        looking = asyncio.create_task(_look(reader, waiting, duration_s))
        try:
            await _append_until(looking, writer, waiting, interval_s)
            ages_s, sizes = looking.result()
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await reader.close()
    return Ages(writer.size, len(set(sizes)), tuple(sorted(ages_s)))


async def _append_until(
    looking: "asyncio.Task[tuple[list[float], list[int]]]",
    writer: LogWriter,
    waiting: Waiting,
    interval_s: float,
) -> None:
    entries = make_batch(_BATCH)
    due_s = time.perf_counter()
    while not looking.done():
        called_s = time.perf_counter()
        await append_as_gate(writer, entries)
        waiting.add(writer.size, called_s)
        due_s += interval_s
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()) if interval_s else 0)


async def _look(reader: LogReader, waiting: Waiting, duration_s: float) -> tuple[list[float], list[int]]:
    ages_s, sizes = [], []
    until_s = time.perf_counter() + duration_s
    while time.perf_counter() < until_s:
        await asyncio.sleep(_LOOK_EVERY_S)
        size = await reader.size()
        ages_s.append(waiting.look(size, time.perf_counter()))
        sizes.append(size)
    return ages_s, sizes


def age_figures(pace: str, found: Ages) -> tuple[Figure, ...]:
    """Show what `sample_ages` found; raises BenchError when no checkpoint came at all."""
    if found.checkpoints < 2:
        raise BenchError(f"appending {pace}: no checkpoint of {found.records:,} records was seen")
    what = f"appending {pace}: oldest record without a checkpoint"
    return (
        single(f"{what}, p50", percentile(found.ages_s, 50), "s"),
        single(f"{what}, at most", found.ages_s[-1], "s", at_most(1)),
    )
