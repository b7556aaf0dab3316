"""Counts of what a query matches: by day and verdict, by who wrote, by kind and by rule; within what one may see."""

import time
from dataclasses import dataclass
from datetime import date

from components.audit.asked import prepare
from components.audit.auditor import Auditor
from components.audit.index.facets import Dimension
from components.audit.index.index import Index
from components.audit.indexed import catch_up_logs, open_indexed, open_site_index
from components.audit.query.compile import Where
from components.audit.query.parser import parse_query
from components.process.progress import Progress
from components.settings.site import SiteFile

MOST_VALUES = 8
_BY = (Dimension.PERSON, Dimension.VERDICT, Dimension.KIND, Dimension.RULE)


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
    node = parse_query(query, time.time_ns())
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_logs(settings, index, logs, progress)
            asked = await prepare(node, index, logs, auditor)
            values = tuple((each.value, _count(index, each, asked.where)) for each in _BY)
            return Facets(_count_days(index, asked.where), values)


def _count_days(index: Index, where: Where) -> tuple[DayCount, ...]:
    days: dict[str, list[tuple[str, int]]] = {}
    for counted in index.count_by([Dimension.DAY, Dimension.VERDICT], where):
        day, verdict = counted.values
        days.setdefault(day, []).append((verdict, counted.entries))
    return tuple(DayCount(date.fromisoformat(day), tuple(found)) for day, found in days.items())


def _count(index: Index, dimension: Dimension, where: Where) -> tuple[tuple[str, int], ...]:
    """Return the most frequent values, without the empty one."""
    found = ((counted.values[0], counted.entries) for counted in index.count_by([dimension], where))
    return tuple(
        sorted((each for each in found if each[0]), key=lambda each: (-each[1], each[0]))[:MOST_VALUES]
    )
