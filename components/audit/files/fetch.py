"""Has a file brought to this machine that did not come by itself; the request is recorded first (docs/feed.md)."""

import time
from dataclasses import dataclass

from components.archive.record import Access
from components.audit.access import record_access
from components.audit.asking import ask_for_file
from components.audit.auditor import Auditor, name_of
from components.audit.files.record import find_transfer
from components.audit.files.show import require_transfer_record
from components.audit.open_log import open_log
from components.process.errors import SiteError
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file that is here now, by its record; `access_id` is the record of this request."""

    record: str
    access_id: str


async def fetch_file(
    settings: SiteFile, record_id: str, timeout_s: float, auditor: Auditor | None = None
) -> FetchedFile:
    """Have the follower fetch the file that a record refers to, however large it is, and wait until it is here.

    Raises SiteError if it does not come, or not in time, or the request cannot be recorded; and LogError.
    """
    if settings.follow is None:
        raise SiteError("this machine follows no feed: files are read where the site keeps them")
    index = require_transfer_record(settings, record_id)
    _transfer, log_settings = find_transfer(settings)
    async with open_log(settings, log_settings) as log:
        size = await log.reader.size()
    access = Access(name_of(auditor), "files fetch", record_id, time.time_ns(), size, 1)
    access_id = await record_access(settings, access)
    answer = await ask_for_file(log_settings.store, index, timeout_s)
    if answer is None:
        raise SiteError(
            f"{record_id}: its file is not here after {timeout_s:.0f} s; it goes on to come while the follower runs:"
            " see `steelyard check`"
        )
    if answer.problem:
        raise SiteError(f"{record_id}: its file does not come: {answer.problem}")
    return FetchedFile(record_id, access_id)
