"""The logs that auditors' machines write: their copies here, which the site verifies and has witnessed."""

import asyncio
from contextlib import suppress

import structlog

from components.archive.errors import LogError
from components.archive.follow import Batch, CopyState, LogForked
from components.archive.follow.copy import LogCopy
from components.archive.keys.log_key import load_verifier_keys, write_verifier_keys
from components.settings.log import LogSettings

log = structlog.get_logger("feed")


class OwnLog:
    """The copy of one machine's log; one request at a time changes it."""

    def __init__(self, settings: LogSettings) -> None:
        self._settings = settings
        self._copy: LogCopy | None = None
        self._turn = asyncio.Lock()
        self.fault = ""

    async def state(self) -> CopyState:
        """Return what the copy has; raises LogError and KeyFileError."""
        async with self._turn:
            return await (await self._open()).state()

    async def take(self, batch: Batch) -> CopyState:
        """Keep what follows it, and return its state after that; raises LogForked, CopyError and LogError."""
        async with self._turn:
            try:
                copy = await self._open()
                await copy.take(batch)
                self.fault = ""
                return await copy.state()
            except (LogError, OSError) as error:
                self._name_fault(str(error), batch, is_fork=isinstance(error, LogForked))
                await self._let_go()
                raise

    async def close(self) -> None:
        """Close the copy."""
        async with self._turn:
            await self._let_go()

    def _name_fault(self, fault: str, batch: Batch, *, is_fork: bool) -> None:
        if fault != self.fault and is_fork:
            # Signed by the machine's log: proof that it was set back or rewritten.
            log.error("forked", log=self._settings.name, reason=fault, checkpoint=batch.checkpoint.note)
        elif fault != self.fault:
            log.warning("not taken", log=self._settings.name, reason=fault)
        self.fault = fault

    async def _open(self) -> LogCopy:
        if self._copy is None:
            file = self._settings.verifier_key_file
            self._copy = await LogCopy.open(
                self._settings.store,
                load_verifier_keys(file),
                lambda keys: write_verifier_keys(file, list(keys)),
            )
        return self._copy

    async def _let_go(self) -> None:
        copy, self._copy = self._copy, None
        if copy is not None:
            with suppress(LogError):
                await copy.close()
