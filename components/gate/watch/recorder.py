"""Records what happens at the gate besides stanzas: each once and in order, as soon as the log takes it."""

import asyncio

from components.archive.errors import LogUnavailable
from components.archive.log.leaf import parse_leaf
from components.archive.reader import LogReader
from components.archive.record import RecordKind
from components.archive.writer import DEFAULT_CLASS, Entry, LogWriter

_RETRY_S = 0.5


class Recorder:
    """A queue of records of alarms and events; nobody else writes records of their kinds to the gate's log."""

    def __init__(self) -> None:
        self._unwritten: list[tuple[RecordKind, bytes]] = []
        self._in_doubt_from: int | None = None
        self._wake = asyncio.Event()
        # What the site's retention policy says of each kind.
        self.retention_classes: dict[RecordKind, int] = {}

    def add(self, kind: RecordKind, payload: bytes) -> None:
        """Have a payload recorded; a crash before that loses it."""
        self._unwritten.append((kind, payload))
        self._wake.set()

    async def run(self, writer: LogWriter, reader: LogReader) -> None:
        """Record until cancelled; raises LogDamaged and LogFenced."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._unwritten:
                # The same until it is recorded: what comes meanwhile is the next.
                batch = list(self._unwritten)
                recorded = await self._store(writer, reader, batch)
                while not recorded:
                    await asyncio.sleep(_RETRY_S)
                    recorded = await self._store(writer, reader, batch)
                del self._unwritten[: len(batch)]

    async def _store(
        self, writer: LogWriter, reader: LogReader, batch: list[tuple[RecordKind, bytes]]
    ) -> bool:
        """Try to record a batch in one commit, and tell whether it is recorded.

        A commit that failed may have persisted: the next try looks for it. Nobody else writes records of these
        kinds, so the leaves say it.
        """
        try:
            size = await writer.recover()
            kinds = {kind for kind, _ in batch}
            if self._in_doubt_from is not None and await _holds(reader, self._in_doubt_from, size, kinds):
                self._in_doubt_from = None
                return True
            self._in_doubt_from = size
            await writer.append([Entry(kind, payload, self._class_of(kind)) for kind, payload in batch])
        except LogUnavailable:
            return False  # that nothing can be recorded is said by those who record stanzas
        self._in_doubt_from = None
        return True

    def _class_of(self, kind: RecordKind) -> int:
        return self.retention_classes.get(kind, DEFAULT_CLASS)


async def _holds(reader: LogReader, first: int, end: int, kinds: set[RecordKind]) -> bool:
    leaves = await reader.source.fetch_leaves(first, end)
    return any(parse_leaf(leaf).kind in kinds for leaf in leaves)
