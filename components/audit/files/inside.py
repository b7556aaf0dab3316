"""Files inside stanzas, listed, shown and written out as uploads are; each look is recorded first.

Their ids are those of their records with a number behind, such as `gate/17.2`. They are nowhere but in the record.
"""

import mimetypes
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from components.archive.opener import RecordOpener
from components.archive.record import Access
from components.audit.access import record_access
from components.audit.auditor import Auditor, name_of
from components.audit.files.export import require_free, safe_name, write_checked
from components.audit.files.list import Chosen, FileFilter
from components.audit.index.carried import KeptInside, list_inside
from components.audit.index.logs import IndexedLog
from components.audit.indexed import catch_up_logs, name_inside, open_indexed, open_site_index
from components.audit.open_log import open_log
from components.audit.owner import check_owner, may_see
from components.audit.query.words import fold_party
from components.audit.reading.places import files_inside
from components.audit.show import RecordDetail, explain_absence, parse_record_id, show
from components.audit.view import view_record
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile
from policy.files.carried import CarriedFile

_ID = re.compile(r"(?P<record>[^/]+/[0-9]{1,18})\.(?P<number>[0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class InsideList:
    """The newest of the `matched` files inside stanzas, in the log's order, each with its id."""

    files: tuple[tuple[str, KeptInside], ...]
    matched: int
    log_size: int
    access_id: str


@dataclass(frozen=True, slots=True)
class InsideDetail:
    """A file inside a stanza, its id, and the stanza's record with its proof."""

    id: str
    file: CarriedFile
    record: RecordDetail


@dataclass(frozen=True, slots=True)
class ExportedInside:
    """A file that was written to `path`; `access_id` is the record of this look."""

    id: str
    file: CarriedFile
    path: Path
    access_id: str


@dataclass(frozen=True, slots=True)
class InMemory:
    """A content in memory (KeptContent)."""

    content: bytes

    @property
    def size_bytes(self) -> int:
        """See KeptContent."""
        return len(self.content)

    @property
    def sha256(self) -> bytes:
        """See KeptContent."""
        return sha256(self.content).digest()

    async def read(self) -> AsyncIterator[bytes]:
        """See KeptContent."""
        yield self.content


def is_inside(file_id: str) -> bool:
    """Return whether an id is that of a file inside a stanza."""
    return _ID.fullmatch(file_id) is not None


async def list_files_inside(
    settings: SiteFile,
    wanted: FileFilter,
    limit: int,
    progress: Progress,
    auditor: Auditor | None = None,
) -> InsideList:
    """List at most `limit` files inside stanzas, the newest ones that an auditor may see, by an up-to-date index.

    Raises SiteError, also if the look cannot be recorded, QueryError for a wrong time, and LogError.
    """
    now_ns = time.time_ns()
    chosen, is_seen = Chosen.by(wanted, now_ns), check_owner(settings, auditor)
    found: deque[KeptInside] = deque(maxlen=limit)
    matched = 0
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_logs(settings, index, logs, progress)
            with index.look() as db:
                for file in _choose(list_inside(db, chosen.begin_ns, chosen.end_ns), wanted):
                    if not is_seen(file.owner):
                        continue
                    matched += 1
                    found.append(file)
            size = index.size_of(IndexedLog.GATE)
        # What was destroyed just now is in the index until a checkpoint covers the tombstone.
        kept = [file for file in found if await _is_there(logs[IndexedLog.GATE], file.place)]
    matched -= len(found) - len(kept)
    access = Access(name_of(auditor), "files list", f"inside {wanted}".rstrip(), now_ns, size, matched)
    access_id = await record_access(settings, access)
    name = settings.gate_log.name
    named = ((name_inside(f"{name}/{file.place}", file.number), file) for file in kept)
    return InsideList(tuple(named), matched, size, access_id)


def _choose(files: Iterator[KeptInside], wanted: FileFilter) -> Iterator[KeptInside]:
    owner = fold_party(wanted.owner)
    for file in files:
        if (
            (not owner or file.owner == owner)
            and wanted.name.casefold() in file.name.casefold()
            and (not wanted.sha256 or file.sha256.startswith(wanted.sha256.lower()))
        ):
            yield file


async def _is_there(log: RecordOpener, number: int) -> bool:
    return any(record.stored.payload is not None for record in await log.fetch(number, 1))


async def show_file_inside(
    settings: SiteFile, file_id: str, progress: Progress, auditor: Auditor | None = None
) -> InsideDetail:
    """Show a file that a stanza carries or describes; raises as `show` does, and SiteError if there is none."""
    record_id, number = _parse_id(file_id)
    detail = await show(settings, record_id, progress, auditor)
    return InsideDetail(file_id, _pick(detail.carried, record_id, number), detail)


async def export_file_inside(
    settings: SiteFile, file_id: str, folder: Path, progress: Progress, auditor: Auditor | None = None
) -> ExportedInside:
    """Write a file inside a stanza into a folder, as `export_file` does with an upload; raises as it does."""
    now_ns = time.time_ns()
    record_id, number = _parse_id(file_id)
    log, index = parse_record_id(settings, record_id)
    file: CarriedFile | None = None
    async with open_log(settings, log) as opener:
        size = await opener.reader.size()
        for opened in await opener.fetch(index, 1) if index < size else ():
            if not opened.stored.is_intact():
                raise SiteError(f"{record_id} is not what was recorded: run `steelyard verify`")
            if not may_see(settings, auditor, view_record(log.name, opened)):
                break
            file = _pick(files_inside(opened.leaf.kind, opened.payload or b""), record_id, number)
    if file is None:
        raise SiteError(explain_absence(log.name, index, size))
    if file.content is None:
        raise SiteError(f"{file_id} lies elsewhere, and the stanza only says where: {file.url or 'nowhere'}")
    path = require_free(folder, safe_name(_name(file, number)))
    access = Access(name_of(auditor), "files export", f"{file_id} {file.sha256.hex()}", now_ns, size, 1)
    access_id = await record_access(settings, access)
    try:
        await write_checked(InMemory(file.content), file_id, path, progress)
    except OSError as error:
        raise SiteError(f"{path}: {error.strerror}") from None
    return ExportedInside(file_id, file, path, access_id)


def _parse_id(file_id: str) -> tuple[str, int]:
    found = _ID.fullmatch(file_id)
    if found is None:
        raise SiteError(f"{file_id!r} is no file inside a stanza: one looks like gate/17.2")
    return found["record"], int(found["number"])


def _pick(files: tuple[CarriedFile, ...], record_id: str, number: int) -> CarriedFile:
    if not 1 <= number <= len(files):
        has = f"it has {len(files)}" if files else "it has none, or was destroyed"
        raise SiteError(f"{record_id} has no file {number} inside: {has}")
    return files[number - 1]


def _name(file: CarriedFile, number: int) -> str:
    """Return a name for a file that has none, or no ending."""
    name = file.name or f"{file.carrier}-{number}"
    return name if "." in name else name + (mimetypes.guess_extension(file.media_type) or "")
