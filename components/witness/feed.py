"""Has a log's newest checkpoint cosigned whenever the log has grown, and stores it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from components.archive.errors import LogError
from components.archive.kept_checkpoints import KeptCheckpoints, merge_signatures
from components.archive.keys import KeyFileError
from components.archive.log.checkpoint import Checkpoint, CheckpointError, verify_checkpoint
from components.archive.log.merkle import ProofError
from components.archive.log.note import NoteError, SignatureLine, VerifierKey
from components.archive.reader import LogReader
from components.process.backoff import Backoff
from components.witness.client import LogForked, WitnessClient, WitnessError

INTERVAL_S = 1.0
"""How often a log is checked, and so how often a witness is asked at most."""

OpenReader = Callable[[], Awaitable[LogReader | None]]
"""Opens the log, None while there is none; raises LogError."""

log = structlog.get_logger("witness")


@dataclass(slots=True)
class _Asked:
    """A witness, the last checkpoint (a note) that it cosigned, and the state of the requests to it."""

    client: WitnessClient
    cosigned: str = ""
    backoff: Backoff = field(default_factory=Backoff)


class LogFeed:
    """Has one log witnessed. It only reads the log. A fault of the log or of a witness does not end it."""

    def __init__(
        self,
        name: str,
        load_key: Callable[[], VerifierKey],
        open_reader: OpenReader,
        kept: KeptCheckpoints,
        witnesses: Sequence[WitnessClient],
    ) -> None:
        self.name = name
        self._load_key = load_key
        self._open_reader = open_reader
        self._kept = kept
        self._asked = [_Asked(client) for client in witnesses]
        self._reader: LogReader | None = None
        self._newest: tuple[str, Checkpoint] | None = None
        self._own = Backoff()

    @property
    def newest(self) -> tuple[str, Checkpoint] | None:
        """The log's newest checkpoint as last read and verified: the note, with cosignatures if there are any."""
        return self._newest

    @property
    def faults(self) -> Mapping[str, str]:
        """The present faults: by the witness's name, or the log's own."""
        found = {each.client.name: each.backoff.fault for each in self._asked} | {self.name: self._own.fault}
        return {name: fault for name, fault in found.items() if fault}

    async def run(self) -> None:
        """Have the log witnessed until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(INTERVAL_S)

    async def step(self) -> None:
        """Check the log once; ask each witness that lacks its newest checkpoint, unless that witness pauses."""
        now_s = time.monotonic()
        if self._own.is_due(now_s):
            await self._look([each for each in self._asked if each.backoff.is_due(now_s)])

    async def finish(self) -> None:
        """Check the log a last time, and ask all witnesses, also pausing ones, because no later attempt follows."""
        await self._look(self._asked)

    async def _look(self, due: Sequence[_Asked]) -> None:
        try:
            await self._have_cosigned(due)
        except (LogError, KeyFileError, NoteError, CheckpointError, OSError) as error:
            if self._own.failed(str(error), time.monotonic()):
                log.error("cannot have it witnessed", log=self.name, reason=str(error))
            await self._close_reader()
        else:
            self._own.succeeded()

    async def close(self) -> None:
        """Close the log."""
        await self._close_reader()

    async def _have_cosigned(self, due: Sequence[_Asked]) -> None:
        if self._reader is None:
            self._reader = await self._open_reader()
        if self._reader is None:
            return
        note = (await self._reader.checkpoint()).decode()
        # Anew each time: a log may be handed to another key while this goes on.
        checkpoint = verify_checkpoint(note, self._load_key())
        asked = [each for each in due if each.cosigned != note]
        answers = await asyncio.gather(*(self._ask(each, note, checkpoint, self._reader) for each in asked))
        lines = [line for answer in answers for line in answer]
        if lines:
            note = merge_signatures(note, self._kept.newest(), lines)
            self._kept.keep(note, time.time())
        if lines or self._newest is None or self._newest[1] != checkpoint:
            self._newest = (note, checkpoint)

    async def _ask(
        self, asked: _Asked, note: str, checkpoint: Checkpoint, reader: LogReader
    ) -> list[SignatureLine]:
        try:
            cosignatures = await asked.client.cosign(note, checkpoint, reader.consistency_proof)
        except (WitnessError, LogError, ProofError) as error:
            if asked.backoff.failed(str(error), time.monotonic()):
                level = log.error if isinstance(error, LogForked) else log.warning
                level("not cosigned", log=self.name, witness=asked.client.name, reason=str(error))
            return []
        if asked.backoff.fault:
            log.info("cosigned again", log=self.name, witness=asked.client.name)
        asked.backoff.succeeded()
        asked.cosigned = note
        return [each.line for each in cosignatures]

    async def _close_reader(self) -> None:
        if self._reader is not None:
            reader, self._reader = self._reader, None
            await reader.close()
