"""What a measurement found, as values: figures beside what was wanted of them; pure."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

RawRun = Mapping[str, str | int | float]
"""What one run gave, by name."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a figure should be: at least `value`, or at most."""

    value: float
    at_most: bool = False

    def is_met_by(self, value: float) -> bool:
        """Tell whether a figure is good enough."""
        return value <= self.value if self.at_most else value >= self.value


def at_least(value: float) -> Wanted:
    """Want this or more."""
    return Wanted(value)


def at_most(value: float) -> Wanted:
    """Want this or less."""
    return Wanted(value, at_most=True)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure; `low` and `high` are the extremes of the rounds, `unit` is empty for a ratio or a count."""

    what: str
    value: float
    low: float
    high: float
    unit: str = ""
    wanted: Wanted | None = None

    @property
    def is_met(self) -> bool:
        """Whether it is as wanted; true where nothing is wanted of it."""
        return self.wanted is None or self.wanted.is_met_by(self.value)


@dataclass(frozen=True, slots=True)
class Table:
    """Figures that are read across: text in the first column, numbers in the others."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What one measurement found; `runs` are the raw results of each run, for whoever wants to compute more."""

    figures: tuple[Figure, ...]
    tables: tuple[Table, ...] = ()
    runs: tuple[RawRun, ...] = ()


def single(what: str, value: float, unit: str = "", wanted: Wanted | None = None) -> Figure:
    """Make a figure of one value."""
    return Figure(what, value, value, value, unit, wanted)


def median_of(what: str, rounds: Sequence[float], unit: str = "", wanted: Wanted | None = None) -> Figure:
    """Make a figure of one value per round: their median."""
    return Figure(what, median(rounds), min(rounds), max(rounds), unit, wanted)


def worst_of(what: str, rounds: Sequence[float], unit: str, wanted: Wanted) -> Figure:
    """Make a figure of one value per round, of which each must be as wanted."""
    worst = max(rounds) if wanted.at_most else min(rounds)
    return Figure(what, worst, min(rounds), max(rounds), unit, wanted)


def ratio_of_medians(
    what: str, upper: Sequence[float], lower: Sequence[float], wanted: Wanted | None = None
) -> Figure:
    """Compare two set-ups that were measured in turns; the extremes are those of each round's own ratio."""
    ratios = [a / b for a, b in zip(upper, lower, strict=True)]
    return Figure(what, median(upper) / median(lower), min(ratios), max(ratios), "", wanted)


def difference_of_medians(
    what: str, more: Sequence[float], less: Sequence[float], unit: str, wanted: Wanted | None = None
) -> Figure:
    """Compare two set-ups that were measured in turns; the extremes are those of each round's own difference."""
    differences = [a - b for a, b in zip(more, less, strict=True)]
    return Figure(what, median(more) - median(less), min(differences), max(differences), unit, wanted)


def percentile(ascending: Sequence[float], percent: float) -> float:
    """Give the smallest value that `percent` of all values do not exceed (nearest rank); 0 of no values."""
    if not ascending:
        return 0.0
    return ascending[max(0, math.ceil(len(ascending) * percent / 100) - 1)]


def probability_of_less(some: Sequence[float], others: Sequence[float]) -> float:
    """Give the probability that one of `some` is less than one of `others`, ties counting half: 0.5 if they are alike.

    That is Mann and Whitney's U by the number of pairs. Raises ZeroDivisionError where there are none.
    """
    ascending = sorted(others)
    above = sum(
        len(ascending) - (bisect_left(ascending, one) + bisect_right(ascending, one)) / 2 for one in some
    )
    return above / (len(some) * len(ascending))


def growth(samples: Sequence[float]) -> float:
    """Compare the last fifth of a series with its second fifth, by medians: 1 is flat.

    The first fifth is left out: caches fill in it. Raises ValueError for fewer than 5 samples.
    """
    fifth = len(samples) // 5
    if not fifth:
        raise ValueError(f"{len(samples)} samples have no fifths")
    return median(samples[-fifth:]) / median(samples[fifth : 2 * fifth])
