"""Counts of what a query matches: by day and verdict, by who wrote, by kind and by rule; within what one may see."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from components.audit.asked import prepare
from components.audit.auditor import Auditor
from components.audit.index.facets import Counted, Dimension
from components.audit.indexed import catch_up_logs, open_indexed, open_site_index
from components.audit.query.parser import parse_query
from components.process.progress import Progress
from components.settings.site import SiteFile

MOST_VALUES = 8
_BY = (Dimension.PERSON, Dimension.VERDICT, Dimension.KIND, Dimension.RULE)
GROUPS = ((Dimension.DAY, Dimension.VERDICT), *((by,) for by in _BY))
"""By what facets count."""


@dataclass(frozen=True, slots=True)
class DayCount:
    """How many records of a day (UTC) match, by verdict; the verdict of a record without one is empty."""

    day: date
    verdicts: tuple[tuple[str, int], ...]

    @property
    def records(self) -> int:
        """All of them."""
        return sum(number for _, number in self.verdicts)

    def count(self, verdict: str) -> int:
        """Return how many have a verdict."""
        return dict(self.verdicts).get(verdict, 0)


@dataclass(frozen=True, slots=True)
class Facets:
    """Counts of what a query matches. `values` has the most frequent values, by the facet's name."""

    days: tuple[DayCount, ...]
    values: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]


async def count_facets(
    settings: SiteFile, query: str, progress: Progress, auditor: Auditor | None = None
) -> Facets:
    """Count what a query matches; the caller records the look. Raises QueryError, SiteError and LogError."""
    return make_facets(await count_groups(settings, query, progress, auditor))


async def count_groups(
    settings: SiteFile, query: str, progress: Progress, auditor: Auditor | None = None
) -> list[list[Counted]]:
    """Count what a query matches by each of GROUPS; as `count_facets` does."""
    node = parse_query(query, time.time_ns())
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_logs(settings, index, logs, progress)
            asked = await prepare(node, index, logs, auditor)
            return [list(each) for each in index.count_each(GROUPS, asked.where, logs=asked.logs)]


def add_groups(counts: Iterable[Sequence[Sequence[Counted]]]) -> list[list[Counted]]:
    """Return counts by each of GROUPS that several sites give, added up."""
    sums = [Counter[tuple[str, ...]]() for _ in GROUPS]
    for of_site in counts:
        for total, group in zip(sums, of_site, strict=True):
            total.update({each.values: each.entries for each in group})
    return [[Counted(values, number) for values, number in sorted(each.items())] for each in sums]


def make_facets(counted: Sequence[Sequence[Counted]]) -> Facets:
    """Return facets from counts by each of GROUPS."""
    days, *groups = counted
    values = zip(_BY, groups, strict=True)
    return Facets(_days(days), tuple((by.value, _most_frequent(each)) for by, each in values))


def _days(counted: Iterable[Counted]) -> tuple[DayCount, ...]:
    days: dict[date, list[tuple[str, int]]] = {}
    for each in counted:
        day, verdict = each.values
        days.setdefault(date.fromisoformat(day), []).append((verdict, each.entries))
    return tuple(DayCount(day, tuple(verdicts)) for day, verdicts in days.items())


def _most_frequent(counted: Iterable[Counted]) -> tuple[tuple[str, int], ...]:
    values = [(each.values[0], each.entries) for each in counted if each.values[0]]
    return tuple(sorted(values, key=lambda value: (-value[1], value[0]))[:MOST_VALUES])
