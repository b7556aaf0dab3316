"""Counts of what a query matches: by day and verdict, by who wrote, by kind and by rule; within what one may see."""

import sqlite3
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from components.audit.asked import prepare
from components.audit.auditor import Auditor
from components.audit.indexed import catch_up_logs, open_indexed, open_site_index
from components.audit.query.compile import Where
from components.audit.query.parser import parse_query
from components.process.progress import Progress
from components.settings.site import SiteFile

MOST_VALUES = 8
_DAY_NS = 86_400 * 10**9
_EPOCH = date(1970, 1, 1)

_BY = {
    "person": "from_local || CASE from_local WHEN '' THEN '' ELSE '@' END || from_domain",
    "verdict": "verdict",
    "kind": "kind",
}


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
            with index.look() as db:
                values = tuple((name, _count(db, sql, asked.where)) for name, sql in _BY.items())
                return Facets(
                    _count_days(db, asked.where), (*values, ("rule", _count_rules(db, asked.where)))
                )


def _count_days(db: sqlite3.Connection, where: Where) -> tuple[DayCount, ...]:
    sql = (
        f"SELECT received_at_ns / {_DAY_NS}, verdict, count(*) FROM submission"  # noqa: S608 - constant
        f" WHERE {where.sql} GROUP BY 1, 2 ORDER BY 1, 2"
    )
    days: dict[int, list[tuple[str, int]]] = {}
    for day, verdict, number in db.execute(sql, where.parameters):
        days.setdefault(day, []).append((verdict, number))
    return tuple(DayCount(_EPOCH + timedelta(days=day), tuple(found)) for day, found in days.items())


def _count(db: sqlite3.Connection, value: str, where: Where) -> tuple[tuple[str, int], ...]:
    sql = (
        f"SELECT {value}, count(*) FROM submission WHERE {where.sql}"  # noqa: S608 - constant
        f" GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_VALUES}"
    )
    return tuple((name, number) for name, number in db.execute(sql, where.parameters) if name)


def _count_rules(db: sqlite3.Connection, where: Where) -> tuple[tuple[str, int], ...]:
    sql = (
        "SELECT rule, count(*) FROM (SELECT rule, idx FROM rule UNION SELECT rule, idx FROM topic)"  # noqa: S608
        f" WHERE idx IN (SELECT idx FROM submission WHERE {where.sql})"
        f" GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_VALUES}"
    )
    return tuple(db.execute(sql, where.parameters))


def today() -> date:
    """Return the present day, in UTC."""
    return datetime.now(UTC).date()
