"""Runs recorded searches again, over just as much of the logs as then, and compares the digests of the results."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from components.archive.bookkeeping import BookkeepingError, Tombstone, parse_bookkeeping
from components.archive.record import Access, RecordKind
from components.audit.access import record_access
from components.audit.auditor import Auditor, find_auditor
from components.audit.index.as_of import BY_GRANTS, AsOf, parse_sizes
from components.audit.indexed import find_indexed, open_indexed, read_index_format
from components.audit.kinds import read_kinds
from components.audit.looks import LookFilter, RecordedLook, SeenActors, read_looks
from components.audit.query.error import QueryError
from components.audit.search import find_ids
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile

# What has the digest of all that its query found.
_REPEATABLE = ("search", "export", "count", "terms", "sample")


class Outcome(StrEnum):
    """What a search gives when it is run again."""

    SAME = "same"
    CHANGED = "changed"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class RepeatedSearch:
    """A recorded search, run again: how much it finds now, the digest, and why either may differ."""

    look: RecordedLook
    outcome: Outcome
    result_count: int
    result_digest: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Repeated:
    """All searches that were run again; `access_id` is the record of this look."""

    searches: tuple[RepeatedSearch, ...]
    access_id: str

    def count(self, outcome: Outcome) -> int:
        """Count the searches with this outcome."""
        return sum(each.outcome is outcome for each in self.searches)


async def repeat_searches(
    settings: SiteFile, auditor: Auditor, wanted: LookFilter, progress: Progress
) -> Repeated:
    """Run the wanted searches again, and record that; raises SiteError, also if there is none of them, and LogError.

    Each is run with what its auditor may see, by the rules of now.
    """
    seen = SeenActors(settings, auditor)
    looks = [
        look
        for look in (await read_looks(settings, wanted, progress)).looks
        if look.access.actor in seen and look.access.act in _REPEATABLE
    ]
    if not looks or wanted.ids - {look.id for look in looks}:
        missing = ", ".join(sorted(wanted.ids - {look.id for look in looks}))
        raise SiteError(f"there is no search {missing or 'of these'} that you may see")
    searches = tuple([await _repeat(settings, look, progress) for look in looks])
    changed = sum(each.outcome is not Outcome.SAME for each in searches)
    query = " ".join(look.id for look in looks)
    access = Access(auditor.id, "repeat", query, time.time_ns(), 0, changed)
    return Repeated(searches, await record_access(settings, access))


async def _repeat(settings: SiteFile, look: RecordedLook, progress: Progress) -> RepeatedSearch:
    access = look.access
    not_run = RepeatedSearch(look, Outcome.IMPOSSIBLE, 0, "", ())
    if not access.result_digest:
        return replace(not_run, reasons=("no digest of its result was recorded",))
    names = {which: log.name for which, log in find_indexed(settings).items()}
    as_of = AsOf(access.at_ns, parse_sizes(access.log_size, access.log_sizes, names))
    try:
        found = await find_ids(settings, access.query, progress, find_auditor(settings, access.actor), as_of)
    except (QueryError, SiteError) as error:
        return replace(not_run, reasons=(f"it cannot be asked any more: {error}",))
    if found.digest == access.result_digest:
        return RepeatedSearch(look, Outcome.SAME, len(found), found.digest, ())
    destroyed = await _count_destroyed_since(settings, access)
    reasons = tuple(_explain(access, len(found), destroyed, read_index_format(settings)))
    return RepeatedSearch(look, Outcome.CHANGED, len(found), found.digest, reasons)


def _explain(access: Access, count: int, destroyed: int, index_format: str) -> Iterator[str]:
    """Yield what may be the reasons of another result; the digest alone does not tell which record it was."""
    if count != access.result_count:
        yield f"{access.result_count:,} records matched then, and {count:,} now"
    if destroyed:
        yield f"{destroyed:,} records were destroyed by orders since"
    form = access.index_format.removesuffix(BY_GRANTS)
    if form and form != index_format:
        yield f"the index had the form {form} then, and has {index_format} now: it reads other text"
    if form != access.index_format:
        yield "it found only what the grants of its auditor opened then (docs/matters.md): now it may be more or less"
    elif not destroyed and form in ("", index_format):
        yield (
            "no record was destroyed since: if the query asks for deliveries, topics or what files say, these were"
            " learned later; otherwise run `steelyard verify`"
        )


async def _count_destroyed_since(settings: SiteFile, access: Access) -> int:
    """Count the records that orders destroyed after a look, in the logs that the index covers; raises LogError."""
    names = {which: log.name for which, log in find_indexed(settings).items()}
    sizes = parse_sizes(access.log_size, access.log_sizes, names)
    destroyed = 0
    async with open_indexed(settings) as logs:
        for which, log in logs.items():
            async for opened in read_kinds(log, (RecordKind.TOMBSTONE,), _unheard, sizes[which]):
                try:
                    tombstone = parse_bookkeeping(RecordKind.TOMBSTONE, opened.payload or b"")
                except BookkeepingError:
                    continue
                destroyed += tombstone.count if isinstance(tombstone, Tombstone) else 0
    return destroyed


def _unheard(_done: int, _total: int) -> None:
    pass
