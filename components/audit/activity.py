"""What each auditor did, for whoever audits the auditors: counts by day, and looks that are out of the ordinary."""

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from components.archive.record import Access
from components.audit.access import record_access
from components.audit.auditor import Auditor
from components.audit.checks.export import ACT as CHECKED
from components.audit.export.finish import ACT as COMPLETED
from components.audit.looks import LookFilter, RecordedLook, SeenActors, read_looks
from components.process.progress import Progress
from components.settings.site import SiteFile

_OF_A_PERSON = re.compile(r"(?:^|[\s(-])(?:from|to|with|person|seen-by):", re.IGNORECASE)
_EVERYTHING = ("", "*")
# What a search adds for an auditor of some enterprises (components/audit/asked.py).
_SCOPE = re.compile(r'^\(?owner:"[^"]*"(?: OR owner:"[^"]*")*\)? AND ')
_SATURDAY = 5
# What is recorded of an export that was counted when it began.
_OF_AN_EXPORT = (COMPLETED, CHECKED)


class ActKind(StrEnum):
    """What a look was, in the rough."""

    SEARCH = "searches"
    VIEW = "views"
    EXPORT = "exports"
    RELEASE = "releases"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Ordinary:
    """What is ordinary: hours of a working day (`end_hour` is outside), views a day, a share of all records."""

    first_hour: int = 7
    end_hour: int = 20
    zone: str = "UTC"
    views_a_day: int = 200
    most_percent: int = 50


@dataclass(frozen=True, slots=True)
class Unusual:
    """A look that is out of the ordinary, and why; for many views, the first one beyond the number."""

    look: RecordedLook
    reasons: tuple[str, ...]


@dataclass(slots=True)
class Activity:
    """What one auditor did: how often each kind of look, by day, and how much of it for a matter."""

    actor: str
    by_day: dict[str, Counter[ActKind]] = field(default_factory=dict)
    in_matters: int = 0
    matters: set[str] = field(default_factory=set)
    unusual: list[Unusual] = field(default_factory=list)

    @property
    def totals(self) -> Counter[ActKind]:
        """How often each kind of look."""
        return sum(self.by_day.values(), Counter())

    @property
    def looks(self) -> int:
        """How many looks in all."""
        return self.totals.total()


@dataclass(frozen=True, slots=True)
class ActivityReport:
    """What auditors did, by their ids; `access_id` is the record of this look.

    `unread` are records of looks that do not open here, and logs of auditors' machines that are not here.
    """

    activities: tuple[Activity, ...]
    access_id: str
    unread: tuple[str, ...] = ()


async def report_activity(
    settings: SiteFile, auditor: Auditor, wanted: LookFilter, ordinary: Ordinary, progress: Progress
) -> ActivityReport:
    """Return what those did whose looks this auditor may see, and record the look; raises SiteError and LogError."""
    seen = SeenActors(settings, auditor)
    read = await read_looks(settings, wanted, progress)
    looks = [look for look in read.looks if look.access.actor in seen]
    activities = summarize(looks, ordinary)
    access = Access(auditor.id, "activity", wanted.actor, time.time_ns(), 0, len(looks))
    unread = tuple(read.unread) if seen.all_of_them else ()
    return ActivityReport(activities, await record_access(settings, access), unread)


def summarize(looks: Iterable[RecordedLook], ordinary: Ordinary) -> tuple[Activity, ...]:
    """Return what looks amount to, by who took them; `looks` stand in the log's order."""
    found: dict[str, Activity] = {}
    zone = ZoneInfo(ordinary.zone)
    for look in looks:
        access = look.access
        activity = found.setdefault(access.actor, Activity(access.actor))
        at = datetime.fromtimestamp(access.at_ns / 10**9, zone)
        counts = activity.by_day.setdefault(at.date().isoformat(), Counter())
        counts[classify(access.act)] += 1
        if access.matter:
            activity.in_matters += 1
            activity.matters.add(access.matter)
        if reasons := tuple(_find_unusual(look, at, counts, ordinary)):
            activity.unusual.append(Unusual(look, reasons))
    return tuple(found[actor] for actor in sorted(found))


def classify(act: str) -> ActKind:
    """Return what kind of look an act is."""
    words = [] if act in _OF_AN_EXPORT else act.replace("-", " ").split()
    for kind, named in _KINDS.items():
        if named & set(words):
            return kind
    return ActKind.OTHER


def _find_unusual(
    look: RecordedLook, at: datetime, counts: Counter[ActKind], ordinary: Ordinary
) -> Iterator[str]:
    access = look.access
    kind = classify(access.act)
    if at.weekday() >= _SATURDAY or not ordinary.first_hour <= at.hour < ordinary.end_hour:
        yield f"outside of hours ({at:%a %H:%M})"
    if kind in (ActKind.SEARCH, ActKind.EXPORT):
        if _SCOPE.sub("", access.query).strip(" ()") in _EVERYTHING or _is_most(look, ordinary):
            yield f"the whole archive, or most of it ({access.result_count:,} records)"
        if not access.matter and _OF_A_PERSON.search(access.query):
            yield "a person, without a matter"
    if access.act == "read" and not access.matter and _is_whole(access.query):
        yield "a whole conversation, without a matter"
    if access.act == "console-link" and access.query != access.actor:
        yield f"a way into the console as {access.query}"
    if kind is ActKind.VIEW and counts[kind] == ordinary.views_a_day + 1:
        yield f"more than {ordinary.views_a_day:,} views on this day"


def _is_whole(query: str) -> bool:
    """Return whether a conversation was read by its parties or its room, and not around a record."""
    return "@" in query.partition(" ")[0]


def _is_most(look: RecordedLook, ordinary: Ordinary) -> bool:
    # A few records are most of a log that has just begun.
    count = look.access.result_count
    return count > 100 and count * 100 > _size_searched(look) * ordinary.most_percent


def _size_searched(look: RecordedLook) -> int:
    """Return how many entries the logs had in which a look searched: not its own log, which few searches cover."""
    own = look.id.partition("/")[0]
    others = (pair.rpartition(" ") for pair in look.access.log_sizes.split(", "))
    sizes = (int(size) for name, _, size in others if name != own and size.isdecimal())
    return look.access.log_size + sum(sizes)


_KINDS = {
    ActKind.RELEASE: {"release"},
    ActKind.EXPORT: {"export"},
    ActKind.SEARCH: {"search", "sample", "count", "terms"},
    ActKind.VIEW: {"show", "read", "list", "proof", "chronology", "queue"},
}
