"""What is left of uploads that came to nothing: recorded where a file was stored, and forgotten."""

import asyncio
import time

import structlog

from components.archive.errors import LogUnavailable
from components.archive.reader import LogReader
from components.transfer.day_use import DAY_S
from components.transfer.journal import MOST_MEMOS, FileJournal, memo_of
from components.transfer.state import UploadStore

_EVERY_S = 600.0
# The largest file at the least rate takes less: of a slot that lapsed so long ago nothing is under way.
_LONG_AFTER_S = 7 * DAY_S

log = structlog.get_logger("transfer")


async def finish_cut_off(
    uploads: UploadStore, journal: FileJournal, reader: LogReader, lapsed_before_s: int | None = None
) -> int:
    """Record each upload, once, whose file was stored and whose sender was not answered, and return how many there are.

    They are all that are stored, or those of slots that lapsed before a Unix time. Nobody can fetch them. `reader` is
    of the journal's log. Raises LogUnavailable.
    """
    cut_off = await uploads.list_stored(lapsed_before_s)
    recorded = {memo.note for memo in await reader.fetch_memos(MOST_MEMOS)} if cut_off else set()
    for upload in cut_off:
        if memo_of(upload) not in recorded:
            await journal.cut_off(upload)
        # Killed here: the log has the memo, so the next start does not record it once more.
        uploads.forget([upload.id])
    return len(cut_off)


async def keep_tidy(uploads: UploadStore, journal: FileJournal, reader: LogReader) -> None:
    """Forget slots that lapsed, and record what a full disk cut off, until cancelled; raises LogDamaged, LogFenced."""
    while True:
        before_s = int(time.time()) - _LONG_AFTER_S
        try:
            uploads.forget_lapsed(before_s)
            await finish_cut_off(uploads, journal, reader, before_s)
        except LogUnavailable as error:
            log.error("old uploads were not forgotten", reason=str(error))
        await asyncio.sleep(_EVERY_S)
