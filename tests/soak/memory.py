"""How much memory each process of a site has while it is used, and whether that grows."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median

import psutil

_MIB = 1024 * 1024
_HOUR_S = 3600
# What is flat: less than this an hour, of what the process has, and so much at least, by which any of them swings.
_FLAT_SHARE, _FLAT_MIB = 0.1, 4.0
# What starts the programs that are not named as they are.
_STARTERS = ("python", "lua", "env", "sh")


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process had at one time."""

    at_s: float
    name: str
    pid: int
    mib: float


@dataclass(frozen=True, slots=True)
class Growth:
    """What a process had, over all its lives: from one kill to the next."""

    name: str
    lives: int
    median_mib: float
    last_mib: float
    mib_per_h: float

    @property
    def is_flat(self) -> bool:
        """Whether it grows by less than a tenth in an hour."""
        return self.mib_per_h < max(_FLAT_MIB, _FLAT_SHARE * self.median_mib)

    def __str__(self) -> str:
        lives = f", {self.lives} lives" if self.lives > 1 else ""
        grows = "" if self.is_flat else "  ✘ grows"
        return f"{self.name}: {self.median_mib:.1f} MiB, {self.mib_per_h:+.1f} an hour{lives}{grows}"


def find_growths(samples: Iterable[Sample], warm_up_s: float) -> list[Growth]:
    """Fit a line to each process's memory, one slope for all its lives.

    Of each life the time is left out in which caches fill, and a collector of garbage comes to its first round: so
    long, but not more than half of it. A process that lived too briefly to have a slope is left out.
    """
    lives: defaultdict[str, defaultdict[int, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for each in samples:
        lives[each.name][each.pid].append(each)
    growths = []
    for name, by_pid in sorted(lives.items()):
        warm = [_warm(life, warm_up_s) for life in by_pid.values()]
        told = [each for life in warm for each in life]
        slope = _slope_per_s(warm)
        if slope is not None:
            middle = median(each.mib for each in told)
            growths.append(Growth(name, len(by_pid), middle, told[-1].mib, slope * _HOUR_S))
    return growths


def _warm(life: Sequence[Sample], warm_up_s: float) -> list[Sample]:
    """Return the part of a life in which it is warm."""
    first_s, last_s = life[0].at_s, life[-1].at_s
    from_s = first_s + min(warm_up_s, (last_s - first_s) / 2)
    return [each for each in life if each.at_s >= from_s]


def _slope_per_s(lives: Sequence[Sequence[Sample]]) -> float | None:
    """Give the slope by least squares; each life begins where it begins."""
    above = below = 0.0
    for life in lives:
        mean_s, mean_mib = mean(each.at_s for each in life), mean(each.mib for each in life)
        above += sum((each.at_s - mean_s) * (each.mib - mean_mib) for each in life)
        below += sum((each.at_s - mean_s) ** 2 for each in life)
    return above / below if below else None


def name_of(command: Sequence[str]) -> str:
    """Name a process by its command: `components.gate` for a module that Python runs, or its program."""
    if "-m" in command[:4]:
        return command[command.index("-m") + 1]
    if "-c" in command[:4]:
        return Path(command[0]).name
    programs = [Path(each).name for each in command if not each.startswith("-")]
    named = [each for each in programs if not each.startswith(_STARTERS)]
    return (named or programs or ["?"])[0]


class MemoryWatch:
    """Samples a process and all below it; each sample is kept in a file, too, as it comes."""

    def __init__(self, pid: int, file: Path) -> None:
        self.samples: list[Sample] = []
        self._top, self._file = psutil.Process(pid), file

    def take(self, at_s: float) -> None:
        """Take a sample of each process that is there."""
        with self._file.open("a") as file:
            for process in (self._top, *self._top.children(recursive=True)):
                try:
                    mib = process.memory_info().rss / _MIB
                    sample = Sample(round(at_s, 1), name_of(process.cmdline()), process.pid, round(mib, 2))
                except psutil.Error:
                    continue  # it has just ended
                self.samples.append(sample)
                file.write(json.dumps(asdict(sample)) + "\n")
