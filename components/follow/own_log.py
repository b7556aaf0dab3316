"""Sends the log of this machine, with what its auditors did, to the site, which verifies it and has it witnessed."""

import asyncio
import time
from dataclasses import dataclass, field

import structlog

from components.archive.errors import LogError, LogMissing
from components.archive.follow import MAX_BATCH_BYTES, LogForked
from components.archive.follow.source import make_batch
from components.archive.served_log import ServedLog
from components.follow.client import FeedClient, FeedUnavailable
from components.follow.pace import keep_stepping
from components.process.backoff import Backoff
from components.process.errors import SiteError
from components.settings.log import LogSettings

_LOOK_EVERY_S = 0.2
_STILL_DESTROYING_S = 1.0
_LEAST_BATCH_BYTES = 64 * 1024
_LONGEST_PAUSE_S = 15.0

log = structlog.get_logger("follow")


@dataclass(slots=True)
class OwnLogSender:
    """Sends what the site lacks of the machine's own log."""

    settings: LogSettings
    client: FeedClient
    sent: int = 0
    _served: ServedLog = field(init=False)
    _bytes: int = MAX_BATCH_BYTES
    _signed: str = ""
    _pause: Backoff = field(default_factory=lambda: Backoff(_LONGEST_PAUSE_S))

    def __post_init__(self) -> None:
        self._served = ServedLog(self.settings.store)

    @property
    def fault(self) -> str:
        """What is wrong now, or nothing."""
        return self._pause.fault

    async def run(self) -> None:
        """Send what is new until cancelled."""
        passing = (LogError, SiteError, OSError)
        await keep_stepping(self.step, _LOOK_EVERY_S, self._pause, passing, self._has_failed)

    async def step(self) -> bool:
        """Send what follows, and return whether there was anything; raises LogError and SiteError."""
        try:
            source = await self._served.source()
        except LogMissing:
            # Nobody has looked at anything here yet.
            return False
        newest = await source.fetch_newest_checkpoint()
        if newest is not None and newest.note == self._signed:
            return False
        state = await self.client.fetch_own_state()
        batch = await make_batch(source, state, self._bytes)
        try:
            after = await self.client.send_own(batch)
        except FeedUnavailable:
            self._bytes = max(_LEAST_BATCH_BYTES, self._bytes // 4)
            raise
        self._bytes, self.sent = min(MAX_BATCH_BYTES, self._bytes * 2), after.signed
        if after.signed == batch.checkpoint.size and not after.destroying:
            self._signed = batch.checkpoint.note
        elif after == state:
            await asyncio.sleep(_STILL_DESTROYING_S)
        return after != state

    async def close(self) -> None:
        """Close the log."""
        await self._served.close()

    async def _has_failed(self, error: Exception) -> None:
        if self._pause.failed(str(error), time.monotonic()):
            say = log.error if isinstance(error, LogForked) else log.warning
            say("not sent", log=self.settings.name, reason=str(error))
        await self._served.close()
