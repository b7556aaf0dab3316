"""Records as exhibits, and the chronology of a matter: exhibits and notes by the times that they are about."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from components.archive.record import Access
from components.audit.access import record_access
from components.audit.auditor import Auditor
from components.audit.author import Author
from components.audit.matter.acts import act, find_matter
from components.audit.matter.scope import is_own_record
from components.audit.matter.values import Detail, Exhibit, Matter, MatterAct, Note
from components.audit.open_log import open_log
from components.audit.show import parse_record_id
from components.audit.view import RecordView, view_record
from components.process.errors import SiteError
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class ChronologyEntry:
    """An exhibit or a note at the time that it is about; `view` is the exhibited record, None if it cannot be read."""

    at_ns: int
    exhibit: Exhibit | None
    note: Note | None
    view: RecordView | None = None


@dataclass(frozen=True, slots=True)
class Chronology:
    """The chronology of a matter, the earliest first; `access_id` is the record of this look."""

    matter: Matter
    entries: tuple[ChronologyEntry, ...]
    access_id: str


async def add_exhibit(
    settings: SiteFile, author: Author, id_: str, record_id: str, title: str, note: str
) -> Matter:
    """Make a record an exhibit of a matter; raises SiteError, also for a record that the auditor may not see."""
    view = await _fetch(settings, await find_matter(settings, author.auditor, id_), record_id)
    leaf = view.opened.leaf
    details: dict[str, Detail] = {
        "exhibit": record_id,
        "title": title,
        "note": note,
        "said_at_ns": view.at_ns,
        "payload_sha256": leaf.payload_sha256.hex(),
    }
    return await act(settings, author, MatterAct.ADD_EXHIBIT, id_, details)


async def make_chronology(settings: SiteFile, auditor: Auditor, id_: str) -> Chronology:
    """Return a matter's exhibits and notes in the order of their times, and record the look; raises SiteError."""
    matter = await find_matter(settings, auditor, id_)
    views = {each.number: await _try_fetch(settings, matter, each) for each in matter.exhibits}
    entries = arrange_chronology(matter, views)
    shown = len(entries)
    access = Access(auditor.id, "matter chronology", id_, time.time_ns(), 0, shown, matter=id_)
    return Chronology(matter, entries, await record_access(settings, access))


def arrange_chronology(matter: Matter, views: Mapping[int, RecordView | None]) -> tuple[ChronologyEntry, ...]:
    """Return the exhibits that are not withdrawn, and the notes, by the times that they are about.

    `views` are the records of exhibits by number. At the same time, exhibits come before notes, each as they were made.
    """
    exhibits = [
        ChronologyEntry(each.said_at_ns, each, None, views.get(each.number))
        for each in matter.exhibits
        if not each.withdrawn
    ]
    notes = [ChronologyEntry(each.about_ns, None, each) for each in matter.notes]
    return tuple(sorted((*exhibits, *notes), key=lambda entry: entry.at_ns))


async def _try_fetch(settings: SiteFile, matter: Matter, exhibit: Exhibit) -> RecordView | None:
    """Return the record of an exhibit; None if it is not there, or is not the one that was exhibited."""
    try:
        view = await _fetch(settings, matter, exhibit.record_id)
    except SiteError:
        return None
    is_same = view.opened.leaf.payload_sha256.hex() == exhibit.payload_sha256
    return view if is_same and view.content is not None else None


async def _fetch(settings: SiteFile, matter: Matter, record_id: str) -> RecordView:
    log, number = parse_record_id(settings, record_id)
    async with open_log(settings, log) as opener:
        size = await opener.reader.size()
        found = await opener.fetch(number, 1) if number < size else []
    for opened in found:
        view = view_record(log.name, opened)
        if is_own_record(settings, matter.enterprises, view):
            return view
    raise SiteError(f"there is no record {record_id} in what {matter.id} may concern")
