"""The canary: the gate's own message, which goes the whole way, so that a silent fault shows.

Gate protocol, section 4.4.
"""

import asyncio
import time

from components.archive.alarm import Alarms
from components.archive.alarm_name import AlarmName
from components.archive.errors import LogDamaged, LogUnavailable
from components.archive.log.checkpoint import CheckpointError, verify_checkpoint
from components.archive.log.leaf import encode_leaf
from components.archive.log.merkle import ProofError, leaf_hash, verify_inclusion
from components.archive.log.note import NoteError, VerifierKey
from components.archive.reader import LogReader, StoredRecord
from components.archive.record import RecordKind
from components.gate.adapter import Adapter, Line
from components.gate.watch.metrics import Metrics
from components.link.codec import CanaryBack, Held
from policy.facts import Way

TIMEOUT_S = 3.0
"""With an interval of 5 s a fault is an alarm after 8 s at the latest."""

_LOOK_EVERY_S = 0.1
_MISSED_AT_MOST = 3  # in a row, even if the link breaks each time


class _UnprovedError(Exception):
    """The record of a canary is not in the log as it should be; the message says what is wrong."""


class Canary:
    """Sends canaries, one at a time, through the adapter of `line`, and checks the record of each that comes back.

    `reader` reads the gate's log, whose checkpoints `key` verifies.
    """

    def __init__(
        self, line: Line, reader: LogReader, key: VerifierKey, alarms: Alarms, metrics: Metrics
    ) -> None:
        self._line = line
        # So that this gate does not take a late canary of an earlier gate for its own.
        self._life = f"{time.time_ns():x}"
        self._reader = reader
        self._key = key
        self._alarms = alarms
        self._metrics = metrics
        self._sent = 0
        self._missed = 0  # in a row
        # Of the one that is on its way, or was the last. It may come back on another connection.
        self._id = ""
        self._stage = ""
        self._seq = 0
        self._back: asyncio.Future[str] | None = None

    async def run(self, interval_s: float) -> None:
        """Send one every `interval_s` seconds until cancelled, while there is an adapter."""
        while True:
            began_s = time.monotonic()
            if (adapter := self._line.adapter) is not None:
                await self.fly(adapter)
            elapsed_s = time.monotonic() - began_s
            await asyncio.sleep(max(_LOOK_EVERY_S, interval_s - elapsed_s) if adapter else _LOOK_EVERY_S)

    async def fly(self, adapter: Adapter) -> None:
        """Send one, wait for it and prove its record; raise the alarm if any of this fails."""
        try:
            _, newest = await self._reader.source.fetch_bounds() or (0, -1)
            record = await self._wait_for_it(adapter)
            if record is not None:
                await self._prove(record, newest)
        except LogUnavailable as error:
            # The patrol ends this alarm.
            self._alarms.sound(AlarmName.LOG_UNREADABLE, reason=str(error))
        except (_UnprovedError, LogDamaged, NoteError, CheckpointError, ProofError) as error:
            self._metrics.canaries.unproved += 1
            self._alarms.sound(AlarmName.CANARY_UNPROVED, reason=str(error))

    async def _wait_for_it(self, adapter: Adapter) -> str | None:
        """Send one and return the receipt in it when it comes back, or None if it does not come in time."""
        self._sent += 1
        self._id, self._stage, self._seq = f"{self._life}-{self._sent}", "sent", 0
        self._back = asyncio.get_running_loop().create_future()
        began_s = time.monotonic()
        adapter.ask_canary(self._id)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                record = await self._back
        except TimeoutError:
            self._metrics.canaries.lost += 1
            self._missed += 1
            # When a server ends, its canary is lost, and nothing else is wrong.
            if not adapter.is_over or self._missed >= _MISSED_AT_MOST:
                self._alarms.sound(AlarmName.CANARY_LOST, reached=self._stage)
            return None
        finally:
            self._back = None
        self._metrics.canary_seconds.observe(time.monotonic() - began_s)
        self._metrics.canaries.back += 1
        self._missed = 0
        self._alarms.end(AlarmName.CANARY_LOST)
        return record

    def submitted(self, held: Held) -> None:
        """Note that the adapter has submitted it."""
        if self._back is not None and held.facts.way is Way.CANARY and self._id in held.facts.attributes:
            self._stage, self._seq = "submitted", held.seq

    def answered(self, through: int) -> None:
        """Note that everything up to this number has its verdict."""
        if self._stage == "submitted" and through >= self._seq:
            self._stage = "answered"

    def returned(self, canary: CanaryBack) -> None:
        """Take a canary that was carried out; ignore one that is not expected (any more)."""
        if self._back is None or self._back.done():
            return
        if canary.host == self._line.gate.jid and canary.id == self._id:
            self._back.set_result(canary.record)

    async def _prove(self, record: str, newest: int) -> None:
        """Read the record back, and prove it under a signed checkpoint (RFC 6962, 2.1.1).

        `newest` is the index of the record that was the newest before.
        """
        name, _, number = record.rpartition("/")
        if name != self._line.gate.log or not number.isdecimal():
            raise _UnprovedError("it came back without the receipt of its record")
        index = int(number)
        if index <= newest:
            raise _UnprovedError("its receipt names a record that was there before it")
        stored = await self._fetch(index)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while await self._reader.size() <= index:  # noqa: ASYNC110 - a log has no events
                    await asyncio.sleep(_LOOK_EVERY_S)
        except TimeoutError:
            # A checkpoint that is late is an alarm of its own.
            return
        checkpoint = verify_checkpoint((await self._reader.checkpoint()).decode(), self._key)
        path = await self._reader.inclusion_proof(index, checkpoint.size)
        verify_inclusion(index, checkpoint.size, leaf_hash(encode_leaf(stored.leaf)), path, checkpoint.root)

    async def _fetch(self, index: int) -> StoredRecord:
        for stored in await self._reader.fetch(index, 1):
            if stored.leaf.kind != RecordKind.STANZA or stored.payload is None or not stored.is_intact():
                raise _UnprovedError("its record is another, or was altered")
            return stored
        raise _UnprovedError("its record is not in the log")
