"""Acts of auditors that are kept in their own log and read again: saved searches, samples."""

from collections.abc import AsyncIterator

from components.archive.record import Event, RecordKind
from components.audit.access import record_finding
from components.audit.index.logs import IndexedLog
from components.audit.index.pages import read_places
from components.audit.lookup import Lookup
from components.audit.query.compile import compile_query
from components.audit.query.tree import And, OfKind, SearchKind, Words

KIND = RecordKind.SUPERVISION


async def record_act(lookup: Lookup, name: str, details: dict[str, str | int]) -> str:
    """Record an act, and return its record's id; `by` is who does it. Raises SiteError."""
    told = {"by": lookup.actor, **details}
    return await record_finding(lookup.settings, Event(KIND, name, tuple(sorted(told.items())), lookup.at_ns))


async def read_acts(lookup: Lookup, *names: str) -> AsyncIterator[tuple[str, Event]]:
    """Yield the recorded acts of these names, the oldest first, each with its record's id."""
    for place in _find(lookup, names):
        for view in await lookup.view([place]):
            event = view.content
            if isinstance(event, Event) and event.kind is KIND and event.name in names:
                yield view.id, event


def _find(lookup: Lookup, names: tuple[str, ...]) -> list[int]:
    found = set[int]()
    for name in names:
        said = Words((KIND.name.lower(), *name.split("-")))
        where = compile_query(And((OfKind(SearchKind.EVENT), said)))
        with lookup.index.look() as db:
            found.update(read_places(db, where, (IndexedLog.AUDIT,)))
    return sorted(found)
