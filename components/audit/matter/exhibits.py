"""Records as exhibits, and the chronology of a matter: exhibits and notes by the times that they are about."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.archive.record import Access
from components.audit.access import record_access
from components.audit.auditor import Auditor
from components.audit.author import Author
from components.audit.matter.acts import act, find_matter, require_own_matter
from components.audit.matter.elsewhere import Elsewhere, go_elsewhere, group_by_site, split_own
from components.audit.matter.scope import is_own_record
from components.audit.matter.values import Detail, Exhibit, Matter, MatterAct, Note
from components.audit.open_log import open_log
from components.audit.show import parse_record_id
from components.audit.sites.named import UNREACHABLE, SiteFault, explain
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
    """The chronology of a matter, the earliest first; `access_id` is the record of this look.

    `faults` are the sites whose exhibits are without their records here, because nobody could look there.
    """

    matter: Matter
    entries: tuple[ChronologyEntry, ...]
    access_id: str
    faults: tuple[SiteFault, ...] = ()


async def add_exhibit(
    settings: SiteFile,
    author: Author,
    id_: str,
    record_id: str,
    title: str,
    note: str,
    who: str | None = None,
) -> Matter:
    """Make a record an exhibit of a matter; raises SiteError, also for a record that the auditor may not see.

    It may be one of another site, `london:gate/88`: that it was read is a record there. `who` is the id of an auditor
    who is logged in.
    """
    matter = await find_matter(settings, author.auditor, id_)
    name, number = split_own(settings, record_id)
    if name:
        there = go_elsewhere(settings, name, id_, who)
        view = await _try_fetch_there(there, matter, number)
        await there.record("matter exhibit", number, int(view is not None))
        record_id = f"{name}:{number}"
        if view is None:
            raise SiteError(_explain_absence(record_id, matter))
    else:
        view = await _fetch(settings, matter, number)
        record_id = number
    leaf = view.opened.leaf
    details: dict[str, Detail] = {
        "exhibit": record_id,
        "title": title,
        "note": note,
        "said_at_ns": view.at_ns,
        "payload_sha256": leaf.payload_sha256.hex(),
    }
    return await act(settings, author, MatterAct.ADD_EXHIBIT, id_, details)


async def make_chronology(
    settings: SiteFile, auditor: Auditor, id_: str, who: str | None = None
) -> Chronology:
    """Return a matter's exhibits and notes in the order of their times, and record the look; raises SiteError.

    Where exhibits are of other sites, the look is a record there, too. `who` as of `add_exhibit`.
    """
    matter = await find_matter(settings, auditor, id_)
    views, faults = dict[int, RecordView | None](), list[SiteFault]()
    for name, exhibits in group_by_site(settings, matter.exhibits, lambda each: each.record_id).items():
        if not name:
            views |= {each.number: await _try_fetch(settings, matter, each) for each in exhibits}
            continue
        try:
            views |= await _fetch_there(go_elsewhere(settings, name, id_, who), matter, exhibits)
        except UNREACHABLE as error:
            faults.append(SiteFault(name, explain(error).removeprefix(f"{name}: ")))
    entries = arrange_chronology(matter, views)
    shown = len(entries)
    access = Access(auditor.id, "matter chronology", id_, time.time_ns(), 0, shown, matter=id_)
    return Chronology(matter, entries, await record_access(settings, access), tuple(faults))


async def _fetch_there(
    there: Elsewhere, matter: Matter, exhibits: Sequence[Exhibit]
) -> dict[int, RecordView | None]:
    """Return the records of exhibits at another site, by their numbers, and record the look there."""
    ids = {each.number: each.record_id.rpartition(":")[2] for each in exhibits if not each.withdrawn}
    found = {number: await _try_fetch_there(there, matter, id_) for number, id_ in ids.items()}
    await there.record("matter chronology", " ".join(ids.values()), sum(map(bool, found.values())))
    exhibited = {each.number: each.payload_sha256 for each in exhibits}
    return {number: _if_same(view, exhibited[number]) for number, view in found.items()}


async def _try_fetch_there(there: Elsewhere, matter: Matter, record_id: str) -> RecordView | None:
    """Return a record of another site; None if it is not there, or not of what the auditor may see there."""
    try:
        view = await _fetch(there.settings, matter, record_id)
        await require_own_matter(there.settings, view.content, there.auditor)
    except SiteError:
        return None
    return view if there.covers(matter, view) else None


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
    return _if_same(view, exhibit.payload_sha256)


def _if_same(view: RecordView | None, payload_sha256: str) -> RecordView | None:
    """Return a record if it is the one that was exhibited, and can be read."""
    if view is None or view.opened.leaf.payload_sha256.hex() != payload_sha256:
        return None
    return view if view.content is not None else None


async def _fetch(settings: SiteFile, matter: Matter, record_id: str) -> RecordView:
    log, number = parse_record_id(settings, record_id)
    async with open_log(settings, log) as opener:
        size = await opener.reader.size()
        found = await opener.fetch(number, 1) if number < size else []
    for opened in found:
        view = view_record(log.name, opened)
        if is_own_record(settings, matter.enterprises, view):
            return view
    raise SiteError(_explain_absence(record_id, matter))


def _explain_absence(record_id: str, matter: Matter) -> str:
    return f"there is no record {record_id} in what {matter.id} may concern"
