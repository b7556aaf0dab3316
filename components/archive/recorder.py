"""Records alarms, and events other than stanzas: each once and in order, as soon as the log can be written."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from components.archive.errors import LogUnavailable
from components.archive.log.leaf import LeafIndex, parse_leaf
from components.archive.record import RecordKind
from components.archive.writer import DEFAULT_CLASS, Entry

_RETRY_S = 0.5


class Writer(Protocol):
    """What the recorder needs from the log's writer (`LogWriter`)."""

    async def append(self, entries: Sequence[Entry]) -> LeafIndex:
        """Record entries in one transaction, and return the first one's index."""

    async def recover(self) -> int:
        """Find out whether a failed append was stored, and return the log's true size."""


class Leaves(Protocol):
    """Reads the leaves of the log (`LogSource`)."""

    async def fetch_leaves(self, first: int, end: int) -> list[bytes]:
        """Return the leaves of the records `first <= index < end`."""


class Recorder:
    """A queue of records of alarms and events; no other part writes records of these kinds to its log.

    `retention_classes` is the retention class of each kind, by the site's retention policy.
    """

    def __init__(
        self, writer: Writer, leaves: Leaves, retention_classes: Mapping[RecordKind, int] | None = None
    ) -> None:
        self._writer = writer
        self._leaves = leaves
        self._retention_classes = retention_classes or {}
        # Payloads that are not recorded yet, the oldest first. A crash loses them.
        self._unwritten: list[tuple[RecordKind, bytes]] = []
        # The size of the log before a failed append that may have been stored.
        self._in_doubt_from: int | None = None
        self._wake = asyncio.Event()

    @property
    def unwritten(self) -> int:
        """How many records are not written yet."""
        return len(self._unwritten)

    def add(self, kind: RecordKind, payload: bytes) -> None:
        """Queue a payload to be recorded; a crash before that loses it."""
        self._unwritten.append((kind, payload))
        self._wake.set()

    async def run(self) -> None:
        """Record until cancelled; raises LogDamaged and LogFenced."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._unwritten:
                # The same batch until it is recorded. What comes meanwhile is the next batch.
                batch = list(self._unwritten)
                recorded = await self._store(batch)
                while not recorded:
                    await asyncio.sleep(_RETRY_S)
                    recorded = await self._store(batch)
                del self._unwritten[: len(batch)]

    async def _store(self, batch: Sequence[tuple[RecordKind, bytes]]) -> bool:
        """Try to record a batch in one commit, and return whether it is recorded.

        A failed commit may have been stored, so the next try looks for it. No other part writes records of these
        kinds, so the leaves show it.
        """
        try:
            size = await self._writer.recover()
            kinds = {kind for kind, _ in batch}
            if self._in_doubt_from is not None and await self._holds(self._in_doubt_from, size, kinds):
                self._in_doubt_from = None
                return True
            self._in_doubt_from = size
            await self._writer.append(
                [
                    Entry(kind, payload, self._retention_classes.get(kind, DEFAULT_CLASS))
                    for kind, payload in batch
                ]
            )
        except LogUnavailable:
            # The process itself says that nothing can be recorded.
            return False
        self._in_doubt_from = None
        return True

    async def _holds(self, first: int, end: int, kinds: set[RecordKind]) -> bool:
        leaves = await self._leaves.fetch_leaves(first, end)
        return any(parse_leaf(leaf).kind in kinds for leaf in leaves)
