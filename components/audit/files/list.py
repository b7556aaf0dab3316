"""Lists the files that are kept; the look is recorded before anything is returned."""

import time
from collections import deque
from dataclasses import dataclass, fields

from components.archive.record import Access
from components.audit.access import record_access
from components.audit.auditor import Auditor, name_of
from components.audit.files.record import FileRecord, find_transfer, parse_file, read_file_records
from components.audit.open_log import open_log
from components.audit.owner import check_owner
from components.audit.query.parser import parse_query
from components.audit.query.tree import Moment
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Which files are listed: all that match each of these that is not empty.

    `owner` is a bare JID, `name` a part of the file's name in small or capital letters, `sha256` the beginning of its
    content's hash, or of what was delivered of it. `after` and `before` are times as queries have them (docs/query.md).
    """

    owner: str = ""
    name: str = ""
    sha256: str = ""
    after: str = ""
    before: str = ""

    def __str__(self) -> str:
        given = ((each.name, getattr(self, each.name)) for each in fields(self))
        return " ".join(f"{name}:{value}" for name, value in given if value)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A filter that is ready to be applied; times are Unix times in nanoseconds."""

    wanted: FileFilter
    begin_ns: int
    end_ns: int

    @classmethod
    def by(cls, wanted: FileFilter, now_ns: int) -> "Chosen":
        """Read a filter; raises QueryError and SiteError for a wrong time."""
        begin_ns, end_ns = (
            _read_moment(bound, text, now_ns)
            for bound, text in (("after", wanted.after), ("before", wanted.before))
        )
        return cls(wanted, begin_ns or 0, end_ns or now_ns + 1)

    def has(self, file: FileRecord) -> bool:
        """Return whether a file is one of those."""
        wanted = self.wanted
        return (
            self.begin_ns <= file.at_ns < self.end_ns
            and (not wanted.owner or file.owner == wanted.owner.lower())
            and wanted.name.casefold() in file.name.casefold()
            and _has_hash(file, wanted.sha256.lower())
        )


def _has_hash(file: FileRecord, begin: str) -> bool:
    """Return whether the hash of a file, or of what readers got of it, begins so."""
    copy = file.delivered.sha256 if file.delivered else ""
    return not begin or file.sha256.startswith(begin) or copy.startswith(begin)


@dataclass(frozen=True, slots=True)
class FileList:
    """The newest of the `matched` records of files, in the log's order; `access_id` is the record of this look.

    `destroyed` counts records of files that are destroyed, and `unreadable` those that cannot be read.
    """

    files: tuple[FileRecord, ...]
    matched: int
    destroyed: int
    unreadable: int
    log_size: int
    access_id: str


async def list_files(
    settings: SiteFile,
    wanted: FileFilter,
    limit: int,
    progress: Progress,
    auditor: Auditor | None = None,
) -> FileList:
    """List at most `limit` files, the newest ones, of those that an auditor may see.

    Raises SiteError, also if the look cannot be recorded, QueryError for a wrong time, and LogError.
    """
    now_ns = time.time_ns()
    chosen, is_seen = Chosen.by(wanted, now_ns), check_owner(settings, auditor)
    _transfer, log_settings = find_transfer(settings)
    files: deque[FileRecord] = deque(maxlen=limit)
    matched = destroyed = unreadable = 0
    async with open_log(settings, log_settings) as log:
        size = await log.reader.size()
        async for opened in read_file_records(log, progress):
            file = parse_file(log_settings.name, opened)
            destroyed += opened.stored.payload is None
            unreadable += opened.stored.payload is not None and opened.payload is None
            if file is not None and chosen.has(file) and is_seen(file.owner):
                matched += 1
                files.append(file)
    access = Access(name_of(auditor), "files list", str(wanted), now_ns, size, matched)
    access_id = await record_access(settings, access)
    return FileList(tuple(files), matched, destroyed, unreadable, size, access_id)


def _read_moment(bound: str, text: str, now_ns: int) -> int | None:
    """Return a time in nanoseconds, None for an empty text; raises QueryError and SiteError."""
    if not text:
        return None
    node = parse_query(f"{bound}:{text}", now_ns)
    if not isinstance(node, Moment):
        raise SiteError(f"{text!r} is no time: write a date, such as 2026-11-23, or how long ago, such as 7d")
    return node.at_ns
