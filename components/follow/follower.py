"""Follows one log of the feed into its copy here, and carries requests to its writer there."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from components.archive.errors import LogError
from components.archive.follow import MAX_BATCH_BYTES, LogForked
from components.archive.follow.copy import LogCopy
from components.archive.keys import KeyFileError
from components.archive.keys.log_key import load_verifier_keys, write_verifier_keys
from components.archive.orders.request import OrderAnswer, encode_answer
from components.archive.store import RequestRow
from components.follow.client import FeedClient, FeedRefused, FeedUnavailable
from components.link.review_request import FETCH_PREFIX, ReviewAnswer, encode_review_answer
from components.process.backoff import Backoff
from components.process.errors import SiteError
from components.settings.log import LogSettings

WAIT_S = 20
_ANSWER_WAIT_S = 1
_LEAST_BATCH_BYTES = 64 * 1024
_LOOK_EVERY_S = 0.1
_STILL_DESTROYING_S = 1.0
_LONGEST_PAUSE_S = 15.0
_HAND_IN_AGAIN_S = 300.0
"""An order waits for as long as it takes, and the feed forgets what nobody comes back for."""

log = structlog.get_logger("follow")


@dataclass(slots=True)
class LogFollower:
    """Keeps the copy of one log, called `name` in the feed. A fault is named, and tried again after a pause.

    `answer_file` answers those who ask for a file of its records; `destructions` counts batches that destroyed any.
    """

    settings: LogSettings
    name: str
    client: FeedClient
    changed: Callable[[], None] = lambda: None
    size: int = 0
    forked: bool = False
    caught_up: bool = False
    destructions: int = 0
    answer_file: Callable[[int], Awaitable[str | None]] | None = None
    clock_s: Callable[[], float] = time.monotonic
    _handed_in: dict[str, float] = field(default_factory=dict)
    _copy: LogCopy | None = None
    _bytes: int = MAX_BATCH_BYTES
    _pause: Backoff = field(default_factory=lambda: Backoff(_LONGEST_PAUSE_S))
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def fault(self) -> str:
        """What is wrong now, or nothing."""
        return self._pause.fault

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._carry())

    async def step(self, wait_s: int = 0) -> bool:
        """Take what follows, and return whether there was anything; raises LogError, SiteError and KeyFileError."""
        copy = await self._open()
        state = await copy.state()
        try:
            batch = await self.client.fetch_batch(self.name, state, self._bytes, wait_s)
        except FeedUnavailable:
            # A slow link may be cut before so much has come: what comes next is smaller.
            self._bytes = max(_LEAST_BATCH_BYTES, self._bytes // 4)
            raise
        if batch is None:
            self.caught_up = True
            return False
        async with self._turn:
            took = await copy.take(batch)
        self._bytes = min(MAX_BATCH_BYTES, self._bytes * 2)
        self.destructions += bool(batch.destroyed)
        self.size, self.caught_up = copy.size, copy.size == batch.checkpoint.size
        if not took and state.destroying:
            await asyncio.sleep(_STILL_DESTROYING_S)
        return bool(took)

    async def carry_requests(self) -> None:
        """Carry what was asked of the log's writer here to it, with its answers; raises LogError and SiteError."""
        copy = await self._open()
        async with self._turn:
            waiting = [row for row in await copy.fetch_requests() if row.body is not None]
        for id_ in self._handed_in.keys() - {row.id for row in waiting}:
            # Whoever asked has given up: nothing may come of it later.
            await self.client.withdraw(self.name, id_)
            self._handed_in.pop(id_)
        for row in waiting:
            answer = await self._ask(row)
            if answer is not None:
                async with self._turn:
                    # Killed before this: it is handed in again, and has its answer already.
                    await copy.answer(row.id, answer)

    async def close(self) -> None:
        """Let go of the copy."""
        copy, self._copy = self._copy, None
        if copy is not None:
            with suppress(LogError):
                await copy.close()

    async def _ask(self, row: RequestRow) -> str | None:
        if row.id.startswith(FETCH_PREFIX):
            return await self._ask_for_file(row)
        handed_in_s = self._handed_in.get(row.id)
        try:
            if handed_in_s is None or self.clock_s() - handed_in_s > _HAND_IN_AGAIN_S:
                await self.client.hand_in(self.name, row.id, row.body or b"")
                self._handed_in[row.id] = self.clock_s()
            return await self.client.find_answer(self.name, row.id, _ANSWER_WAIT_S)
        except FeedRefused as error:
            if ":" in row.id:
                return encode_review_answer(ReviewAnswer(str(error)))
            return encode_answer(OrderAnswer(False, None, (str(error),)))

    async def _ask_for_file(self, row: RequestRow) -> str | None:
        problem: str | None = "this machine copies no files of this log"
        if self.answer_file is not None:
            number = (row.body or b"").decode()
            problem = await self.answer_file(int(number)) if number.isdecimal() else "no record"
        return None if problem is None else encode_review_answer(ReviewAnswer(problem))

    async def _follow(self) -> None:
        while True:
            try:
                while True:
                    # The first time it does not wait: what it lacks, and that it lacks nothing, is known at once.
                    await self.step(WAIT_S if self.caught_up else 0)
                    self._has_succeeded()
            except (LogError, SiteError, KeyFileError, OSError) as error:
                self._has_failed(error)
                await self._open_anew()
                await asyncio.sleep(self._pause.due_in_s(time.monotonic()))

    async def _carry(self) -> None:
        while True:
            with suppress(LogError, SiteError, KeyFileError, OSError):
                await self.carry_requests()
            await asyncio.sleep(_LOOK_EVERY_S)

    def _has_succeeded(self) -> None:
        if self.fault:
            log.info("follows again", log=self.settings.name)
        self.forked = False
        self._pause.succeeded()
        self.changed()

    def _has_failed(self, error: Exception) -> None:
        self.forked, self.caught_up = isinstance(error, LogForked), False
        if self._pause.failed(str(error), time.monotonic()):
            say = log.error if self.forked else log.warning
            say("forked" if self.forked else "does not follow", log=self.settings.name, reason=str(error))
        self.changed()

    async def _open_anew(self) -> None:
        async with self._turn:
            await self.close()

    async def _open(self) -> LogCopy:
        async with self._turn:
            if self._copy is None:
                file = self.settings.verifier_key_file
                self._copy = await LogCopy.open(
                    self.settings.store,
                    load_verifier_keys(file),
                    lambda keys: write_verifier_keys(file, list(keys)),
                )
                self.size = self._copy.size
            return self._copy
