"""A log that a server shows to others: it is opened at the first request, because its writer may not have made it."""

import asyncio
from dataclasses import dataclass, field

from components.archive.reader import LogReader
from components.archive.store import LogSource
from components.archive.store.open import StoreName


@dataclass(slots=True)
class ServedLog:
    """A served log, by the name of its store."""

    path: StoreName
    _reader: LogReader | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def source(self) -> LogSource:
        """Return the log's source; raises LogUnavailable while there is none."""
        async with self._turn:
            if self._reader is None:
                self._reader = await LogReader.open(self.path)
            return self._reader.source

    async def close(self) -> None:
        """Close the log."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.close()
