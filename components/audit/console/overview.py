"""What the overview says of each site, and of all together: figures of the line, what waits for review, its health."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from components.archive.reader import LogReader
from components.archive.record import Access
from components.audit.access import record_access
from components.audit.auditor import Auditor
from components.audit.author import Author
from components.audit.console.health import Health, read_health
from components.audit.console.visit import REVIEWERS
from components.audit.facets import Facets, add_groups, count_groups, make_facets
from components.audit.index.facets import Counted
from components.audit.review.desk import Desk
from components.audit.sites.desks import Reviewing
from components.audit.sites.each import AtEach
from components.process.progress import ignore_progress
from components.settings.site import SiteFile
from policy.supervision.item import ItemState


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a review: how many items, how many of them too long, and when the oldest was said (Unix time)."""

    number: int
    overdue: int
    oldest_ns: int


@dataclass(frozen=True, slots=True)
class SiteOverview:
    """What the overview shows of a site, to an auditor of it; `counted` is by each of GROUPS (facets.py).

    `checkpoint_age_s` is None while nothing is signed, or for who does not see the line. `review` is None for who
    reviews nothing there.
    """

    counted: Sequence[Sequence[Counted]]
    health: Health | None
    checkpoint_age_s: int | None
    log_size: int
    review: Waiting | None
    access_id: str

    @property
    def facets(self) -> Facets:
        """The figures of the line."""
        return make_facets(self.counted)

    def count(self, verdict: str) -> int:
        """Return how many messages have a verdict."""
        return sum(day.count(verdict) for day in self.facets.days)

    @property
    def messages(self) -> int:
        """All messages."""
        return sum(day.records for day in self.facets.days)


async def look_at_site(site: SiteFile, auditor: Auditor, query: str, reviewing: Reviewing) -> SiteOverview:
    """Return the overview of a site, and record the look there; raises SiteError, LogError and LookNotRecordedError."""
    counted = await count_groups(site, query, ignore_progress, auditor)
    age_s, size = None, 0
    # How the line does as a whole tells of all enterprises.
    health = read_health(site) if auditor.enterprises is None else None
    if health is not None:
        reader = await LogReader.open(site.gate_log.store)
        try:
            row = await reader.source.fetch_newest_checkpoint()
        finally:
            await reader.close()
        age_s, size = (max(0, int(time.time()) - row.second), row.size) if row else (None, 0)
    review = None
    if REVIEWERS & auditor.roles:
        review = _count_waiting(await reviewing.open_desk(site, Author(auditor)))
    messages = sum(each.entries for each in counted[0])
    access = Access(auditor.id, "overview", query, time.time_ns(), size, messages)
    return SiteOverview(counted, health, age_s, size, review, await record_access(site, access))


def _count_waiting(desk: Desk) -> Waiting:
    items = [each for each in desk.items.values() if each.status.state is not ItemState.CLOSED]
    overdue = sum(each.is_overdue(desk.now_ns) for each in items)
    return Waiting(len(items), overdue, min((each.flagged.at_ns for each in items), default=0))


def add_up(found: AtEach[SiteOverview]) -> SiteOverview:
    """Return all sites as one: what is counted is added up, and the age is that of the oldest newest signature.

    A message that crossed is counted at both of its sites, so that the figures of the sites add up to this.
    """
    all_ = [at.found for at in found.sites]
    ages = [each.checkpoint_age_s for each in all_ if each.checkpoint_age_s is not None]
    return SiteOverview(
        add_groups(each.counted for each in all_),
        _add_health([(at.name, at.found.health) for at in found.sites if at.found.health]),
        max(ages, default=None),
        sum(each.log_size for each in all_),
        _add_waiting([each.review for each in all_ if each.review]),
        "",
    )


def _add_waiting(waiting: Sequence[Waiting]) -> Waiting | None:
    if not waiting:
        return None
    oldest = min((each.oldest_ns for each in waiting if each.oldest_ns), default=0)
    return Waiting(sum(each.number for each in waiting), sum(each.overdue for each in waiting), oldest)


def _add_health(told: Sequence[tuple[str, Health]]) -> Health | None:
    """Return the state of several sites as one, where each of what is wrong is told with the name of its site."""
    if not told:
        return None
    lags = [each.index_lag for _, each in told if each.index_lag is not None]
    return Health(
        (),
        tuple(alarm for _, each in told for alarm in each.alarms),
        tuple(_name(told)),
        all(each.has_witness for _, each in told),
        sum(lags) if lags else None,
    )


def _name(told: Iterable[tuple[str, Health]]) -> Iterable[str]:
    for name, health in told:
        yield from (f"{name}: {each}" for each in health.unwitnessed)
