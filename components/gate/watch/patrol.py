"""The patrol: checks the newest records again and again, so that a vanished record is noticed within seconds."""

import asyncio
from typing import Protocol

from components.archive.alarm import Alarms
from components.archive.alarm_name import AlarmName
from components.archive.errors import LogDamaged, LogUnavailable
from components.archive.recorder import Leaves

INTERVAL_S = 4.0
NEWEST_RECORDS = 2048
"""How many records each round checks; it always checks all records since the last round."""

_CHECKPOINT_INTERVAL_S = 0.5
_CHUNK_RECORDS = 256
_CHECKPOINT_LATE_S = 5.0  # one is due each second
_INDEX = slice(2, 10)  # of a leaf (docs/archive-format.md, section 3)


class Sizes(Protocol):
    """What the log's writer says about the log (`LogWriter`)."""

    @property
    def size(self) -> int:
        """The number of records that are known to be durable."""

    @property
    def signed_size(self) -> int:
        """The number of records under the newest checkpoint."""


class Patrol:
    """Checks that the log holds what was recorded, by the leaves alone. The verifier checks that they are right."""

    def __init__(self, writer: Sizes, leaves: Leaves, alarms: Alarms) -> None:
        self._writer = writer
        self._leaves = leaves
        self._alarms = alarms
        self._checked = writer.size
        self._missed: set[int] = set()
        self._signed_size = writer.signed_size
        self._signed_at_s = asyncio.get_running_loop().time()
        self._unsigned_since_s: float | None = None

    @property
    def checkpoint_age_s(self) -> float:
        """How long ago the newest checkpoint was signed, within half a second."""
        return asyncio.get_running_loop().time() - self._signed_at_s

    async def run(self) -> None:
        """Check the newest records and the checkpoints until cancelled."""
        await asyncio.gather(self._go_through(), self._check_checkpoints())

    async def _go_through(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            try:
                await self.check_records()
            except LogUnavailable as error:
                self._alarms.sound(AlarmName.LOG_UNREADABLE, reason=str(error))
            except LogDamaged as error:
                self._alarms.sound(AlarmName.RECORDS_MISSING, reason=str(error))

    async def check_records(self) -> None:
        """Check once whether all records are there; raises LogUnavailable and LogDamaged."""
        missing = await self._find_missing()
        self._alarms.end(AlarmName.LOG_UNREADABLE)
        if missing:
            self._alarms.sound(
                AlarmName.RECORDS_MISSING, first=missing[0], last=missing[-1], records=len(missing)
            )

    async def _check_checkpoints(self) -> None:
        while True:
            await asyncio.sleep(_CHECKPOINT_INTERVAL_S)
            self.check_checkpoint()

    def check_checkpoint(self) -> None:
        """Check that records are signed soon after; to be called twice a second."""
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
        """Return the indexes that are missing and were not missed before."""
        end = self._writer.size
        first = max(0, min(self._checked, end - NEWEST_RECORDS))
        missing: list[int] = []
        for begin in range(first, end, _CHUNK_RECORDS):
            wanted = range(begin, min(end, begin + _CHUNK_RECORDS))
            leaves = await self._leaves.fetch_leaves(wanted.start, wanted.stop)
            found = [int.from_bytes(leaf[_INDEX], "big") for leaf in leaves]
            if found != list(wanted):
                missing += sorted(set(wanted) - set(found) - self._missed)
        self._checked = end
        self._missed.update(missing)
        return missing
