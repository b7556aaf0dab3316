"""What processes use of the machine: which core they run on, their share of it, their memory."""

import asyncio
import os
import time
from collections.abc import Mapping
from typing import Self

import psutil

_CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = _CORES[0]
OTHER_CORE = _CORES[-1]

ALL_ELSE = "all else"
MIB = 1024 * 1024


def pin(pid: int, core: int) -> None:
    """Keep a process, with all the threads that it has, on one core."""
    for thread in psutil.Process(pid).threads():
        os.sched_setaffinity(thread.id, {core})


class CpuMeter:
    """Measures the share of a core that each process uses, from its making on; `processes` maps names to pids.

    What all other processes of the machine used is in it, too: a figure from a busy machine is worth little.
    """

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in processes.items()}
        self._used_s = self._read()
        self._since = time.perf_counter()

    def shares(self) -> dict[str, float]:
        """Give each share: 1 is a whole core."""
        elapsed_s = time.perf_counter() - self._since
        return {name: (used - self._used_s[name]) / elapsed_s for name, used in self._read().items()}

    def _read(self) -> dict[str, float]:
        times = {name: process.cpu_times() for name, process in self._processes.items()}
        used_s = {name: used.user + used.system for name, used in times.items()}
        # With each process stand its children that have ended: so nothing is lost, and nothing counted twice.
        every = (process.info["cpu_times"] for process in psutil.process_iter(["cpu_times"]))
        return used_s | {ALL_ELSE: sum(sum(used[:4]) for used in every if used) - sum(used_s.values())}


class MemorySampler:
    """Samples the resident memory of processes while entered; `samples_mib` has a series for each name."""

    def __init__(self, processes: Mapping[str, int], interval_s: float) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in processes.items()}
        self._interval_s = interval_s
        self._task: asyncio.Task[None] | None = None
        self.samples_mib: dict[str, list[float]] = {name: [] for name in processes}

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._sample())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _sample(self) -> None:
        while True:
            for name, process in self._processes.items():
                self.samples_mib[name].append(process.memory_info().rss / MIB)
            await asyncio.sleep(self._interval_s)
