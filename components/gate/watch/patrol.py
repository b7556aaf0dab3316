"""The patrol: goes through the newest records again and again, so that one that vanishes is missed within seconds."""

import asyncio
from pathlib import Path

from components.archive.errors import LogDamaged, LogUnavailable
from components.archive.reader import LogReader
from components.archive.writer import LogWriter
from components.gate.watch.alarm import AlarmName, Alarms

INTERVAL_S = 4.0
NEWEST_RECORDS = 2048
"""So many are gone through each time, and always all that came since the last time."""

_CHUNK_RECORDS = 256
_CHECKPOINT_LATE_S = 5.0  # one is due each second
_INDEX = slice(2, 10)  # of a leaf (docs/archive-format.md, section 3)


class Patrol:
    """Looks whether the log holds what was recorded, by the leaves alone: whether they are right is the verifier's.

    `file` is the log's, which a process that has it open would not miss; None for a log that is in no file.
    """

    def __init__(self, writer: LogWriter, reader: LogReader, alarms: Alarms, file: Path | None) -> None:
        self._writer = writer
        self._reader = reader
        self._alarms = alarms
        self._checked = writer.size
        self._missed: set[int] = set()
        self._file = file
        self._identity = _identify(file)
        self._signed_size = writer.signed_size
        self._signed_at_s = asyncio.get_running_loop().time()
        self._unsigned_since_s: float | None = None

    @property
    def checkpoint_age_s(self) -> float:
        """How long ago the newest checkpoint was signed, to half a second."""
        return asyncio.get_running_loop().time() - self._signed_at_s

    async def run(self) -> None:
        """Go through the newest records until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            try:
                missing = await self._find_missing()
            except LogUnavailable as error:
                self._alarms.sound(AlarmName.LOG_UNREADABLE, reason=str(error))
                continue
            except LogDamaged as error:
                self._alarms.sound(AlarmName.RECORDS_MISSING, reason=str(error))
                continue
            self._alarms.end(AlarmName.LOG_UNREADABLE)
            if missing:
                self._alarms.sound(
                    AlarmName.RECORDS_MISSING, first=missing[0], last=missing[-1], records=len(missing)
                )
            if _identify(self._file) != self._identity:
                self._alarms.sound(AlarmName.RECORDS_MISSING, reason="the log's file is gone, or another one")

    def check_checkpoint(self) -> None:
        """Look whether what is recorded is signed soon after; to be called twice a second."""
        now_s = asyncio.get_running_loop().time()
        signed_size = self._writer.signed_size
        if signed_size != self._signed_size:
            self._signed_size, self._signed_at_s, self._unsigned_since_s = signed_size, now_s, None
        if signed_size >= self._writer.size:
            self._unsigned_since_s = None
        elif self._unsigned_since_s is None:
            self._unsigned_since_s = now_s
        if self._unsigned_since_s is None:
            self._alarms.end(AlarmName.CHECKPOINT_LATE)
        elif now_s - self._unsigned_since_s > _CHECKPOINT_LATE_S:
            self._alarms.sound(AlarmName.CHECKPOINT_LATE, unsigned=self._writer.size - signed_size)

    async def _find_missing(self) -> list[int]:
        """Give the indexes that are missing and were not missed before."""
        end = self._writer.size
        first = max(0, min(self._checked, end - NEWEST_RECORDS))
        missing: list[int] = []
        for begin in range(first, end, _CHUNK_RECORDS):
            wanted = range(begin, min(end, begin + _CHUNK_RECORDS))
            leaves = await self._reader.source.fetch_leaves(wanted.start, wanted.stop)
            found = [int.from_bytes(leaf[_INDEX], "big") for leaf in leaves]
            if found != list(wanted):
                missing += sorted(set(wanted) - set(found) - self._missed)
        self._checked = end
        self._missed.update(missing)
        return missing


def _identify(file: Path | None) -> tuple[int, int] | None:
    """Tell a file from another of the same name; None when there is none."""
    if file is None:
        return None
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
