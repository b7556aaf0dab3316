"""Collects what matched, in the order of the logs: opens each record, keeps its evidence, spools it as a message."""

from collections.abc import Iterator, Sequence

from components.archive.opener import OpenedRecord
from components.archive.orders.tombstoned import fetch_tombstoned
from components.archive.reader import StoredRecord
from components.archive.store import LogSource
from components.audit.export.attachments import DESTROYED
from components.audit.export.evidence import EvidenceFile, encode_record, records_name
from components.audit.export.folder import ExportFolder
from components.audit.export.format import Format
from components.audit.export.message import make_message, skip_reading
from components.audit.export.sources import Sources
from components.audit.export.spool import Collected, Spool
from components.audit.index.logs import IndexedLog, find_record
from components.audit.index.pages import name_place
from components.audit.index.room_ids import find_room_ids
from components.audit.view import view_record
from components.process.progress import Progress

MISSING = "missing from the log"
UNREADABLE = "does not open"
_PLACES_AT_ONCE = 4096
# A record between two that are wanted costs less to read than another question to the store, up to so many.
_LARGEST_GAP = 64


class Collector:
    """Collects into a spool, from where it stopped."""

    def __init__(self, sources: Sources, spool: Spool, folder: ExportFolder, format_: Format) -> None:
        self._sources = sources
        self._spool = spool
        self._format = format_
        self._files = {
            which: EvidenceFile(folder.place(records_name(name)), int(spool.get(f"size {name}") or 0))
            for which, name in sources.names.items()
            if which in sources.logs
        }

    async def run(self, progress: Progress) -> None:
        """Collect all that is left; a stop leaves whole batches. Raises LogError and SiteError."""
        matched, exported, left_out = self._spool.count()
        done, last = exported + left_out, self._spool.last_collected()
        try:
            while places := self._spool.places_after(last, _PLACES_AT_ONCE):
                await self._collect(places)
                last, done = places[-1], done + len(places)
                progress(done, matched)
        finally:
            for file in self._files.values():
                file.close()

    async def _collect(self, places: Sequence[int]) -> None:
        collected: list[Collected] = []
        lines: dict[IndexedLog, list[bytes]] = {which: [] for which in self._files}
        with_files = self._sources.attachments.find_places(places[0], places[-1])
        with self._sources.index.look() as db:
            room_ids = find_room_ids(db, places)
        found = await self._fetch(places)
        for place in places:
            stored, log = found.get(place), find_record(place)[0]
            if stored is None:
                collected.append(self._leave_out(place, MISSING))
                continue
            opened, key = await self._sources.logs[log].open_with_key(stored)
            lines[log].append(encode_record(stored.leaf, stored.payload, key))
            room_id = room_ids.get(place, "")
            collected.append(await self._view(place, opened, room_id, has_files=place in with_files))
        sizes = {which: self._files[which].append(lines[which]) for which in lines if lines[which]}
        with self._spool.change():
            self._spool.add(collected, self._format)
            for which, size in sizes.items():
                self._spool.note(f"size {self._sources.names[which]}", str(size))

    def _leave_out(self, place: int, why: str) -> Collected:
        return Collected(place, name_place(place, self._sources.names), None, why)

    async def _fetch(self, places: Sequence[int]) -> dict[int, StoredRecord]:
        found: dict[int, StoredRecord] = {}
        for which, first, end in spans_of(places):
            if which in self._sources.logs:
                reader = self._sources.logs[which].reader
                for stored in await reader.fetch(first, end - first):
                    found[which.place(stored.index)] = stored
        return found

    async def _view(self, place: int, opened: OpenedRecord, room_id: str, *, has_files: bool) -> Collected:
        log, sources = find_record(place)[0], self._sources
        if opened.payload is None:
            source = sources.logs[log].reader.source
            if opened.stored.payload is not None:
                return self._leave_out(place, f"{UNREADABLE}: {opened.fault}")
            return self._leave_out(place, DESTROYED if await is_tombstoned(source, opened) else MISSING)
        if not opened.stored.is_intact():
            return self._leave_out(place, f"{UNREADABLE}: it is not the record that its leaf was made of")
        files = await sources.attachments.take(place, opened) if has_files else ()
        view = view_record(sources.names[log], opened, sources.index, skip_reading)
        message = make_message(view, files, room_id, sources.people.name_of)
        return Collected(place, message.record, message)


def spans_of(places: Sequence[int]) -> Iterator[tuple[IndexedLog, int, int]]:
    """Yield the spans of records to read, each of one log, from a first number to an end."""
    if not places:
        return
    start = before = places[0]
    for place in places:
        if place - before > _LARGEST_GAP or find_record(place)[0] != find_record(before)[0]:
            yield _span(start, before)
            start = place
        before = place
    yield _span(start, before)


def _span(start: int, last: int) -> tuple[IndexedLog, int, int]:
    which, first = find_record(start)
    return which, first, find_record(last)[1] + 1


async def is_tombstoned(source: LogSource, opened: OpenedRecord) -> bool:
    """Return whether an order destroyed a record, as a tombstone says, which comes after it."""
    return (await fetch_tombstoned(source, opened.index + 1)).covers(opened.leaf)
