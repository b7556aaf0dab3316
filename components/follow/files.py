"""Copies the files that a followed log's records refer to, and destroys the copies when their records are."""

import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from components.archive.backup import CopyError
from components.archive.blobs.errors import BlobDamaged, BlobError
from components.archive.blobs.head import BlobEntry, BlobHead
from components.archive.errors import LogError, LogMissing
from components.archive.follow.file_copies import FileCopies
from components.archive.follow.files import FileMark
from components.archive.follow.files_source import find_mark, parse_any
from components.archive.follow.referred import FileCounts, ReferredFiles, WantedFile
from components.archive.orders.ledger import Ledger
from components.archive.orders.order import OrderAct
from components.archive.served_log import ServedLog
from components.archive.store import LogSource
from components.follow.client import FeedLacks, FeedUnavailable
from components.follow.pace import keep_stepping
from components.process.backoff import Backoff
from components.process.errors import SiteError

_LOOK_EVERY_S = 0.5
_LONGEST_PAUSE_S = 60.0
_PASSING = (LogError, SiteError, BlobError, OSError, sqlite3.Error)

log = structlog.get_logger("follow")


class FilesFeed(Protocol):
    """What is asked for files; both raise FeedUnavailable and FeedRefused."""

    async def fetch_heads(self, log: str, record: int, mark: FileMark) -> Sequence[BlobEntry]:
        """Return the heads of the file that a record refers to; raises CopyError also."""

    def fetch_data(self, log: str, record: int, head: BlobHead, start: int) -> AsyncGenerator[bytes, None]:
        """Yield a blob's data from byte `start` on."""


class FileMissing(Exception):  # noqa: N818 - the condition is the name
    """The site does not have a file that a record refers to."""


@dataclass(slots=True)
class FileFollower:
    """Keeps the files of one log, called `name` in the feed and `log_name` here; one file comes at a time.

    What is larger than `largest_bytes` comes only when somebody asks for it. `destructions` counts how often records
    were destroyed in the copy of the log.
    """

    served: ServedLog
    log_name: str
    name: str
    feed: FilesFeed
    copies: FileCopies
    referred: ReferredFiles
    largest_bytes: int
    destructions: Callable[[], int] = lambda: 0
    changed: Callable[[], None] = lambda: None
    clock_s: Callable[[], float] = time.monotonic
    _seen_destructions: int = 0
    _is_begun: bool = False
    _asked_for: set[int] = field(default_factory=set)
    _ledger: Ledger = field(default_factory=Ledger)
    _pause: Backoff = field(default_factory=lambda: Backoff(_LONGEST_PAUSE_S))

    @property
    def fault(self) -> str:
        """What keeps all files from coming now, or nothing."""
        return self._pause.fault

    def count(self) -> FileCounts:
        """Count the files that are here, and those that are not."""
        return self.referred.count(lambda record: f"{self.log_name}/{record}")

    async def run(self) -> None:
        """Copy files until cancelled; try again what cannot be done now."""
        await keep_stepping(self.step, _LOOK_EVERY_S, self._pause, _PASSING, self._has_failed)

    async def _has_failed(self, error: Exception) -> None:
        if self._pause.failed(str(error), time.monotonic()):
            log.warning("files do not come", log=self.log_name, reason=str(error))
        self.changed()
        await self.served.close()

    async def step(self) -> bool:
        """Destroy what must go, copy one file, and return whether there was one.

        Raises LogError, SiteError, BlobError, OSError and sqlite3.Error for what keeps all files from coming.
        """
        try:
            source = await self.served.source()
        except LogMissing:
            # Nothing has come yet.
            return False
        await self._look(source)
        wanted = self.referred.find_next(self.clock_s())
        if wanted is None:
            return False
        try:
            left_out = await self._copy(wanted)
        except (FileMissing, FeedLacks, CopyError, BlobDamaged) as error:
            self._note_failed(wanted, str(error))
        except (FeedUnavailable, BlobError):
            # The others come first now: they come also where it is this one that cuts the link.
            self.referred.put_off(wanted, self.clock_s())
            raise
        else:
            self.referred.note_settled(wanted, left_out=left_out)
        self.changed()
        return True

    async def answer(self, record: int) -> str | None:
        """Have a file fetched that somebody asks for, and return what came of it; None while it is to come.

        Raises LogError and sqlite3.Error.
        """
        try:
            mark = await find_mark(await self.served.source(), record)
        except LogMissing:
            mark = None
        if mark is None or not self.referred.is_live(mark):
            return f"{self.log_name}/{record} refers to no file that is kept"
        if record not in self._asked_for:
            self._asked_for.add(record)
            self.referred.want(mark)
            return None
        is_here, fault = self.referred.find_state(mark)
        if not is_here and not fault:
            return None
        self._asked_for.discard(record)
        return "" if is_here else fault

    async def close(self) -> None:
        """Let go of the log, the folder and the database."""
        await self.served.close()
        await self.copies.close()
        self.referred.close()

    async def _look(self, source: LogSource) -> None:
        """Find out what the log says of files by now, and destroy those whose records are destroyed."""
        destructions = self.destructions()
        if not self._is_begun:
            self.referred.note_kept([mark async for mark in self.copies.list_kept()])
        elif destructions != self._seen_destructions:
            self.referred.begin_again()
        await self.referred.catch_up(source)
        for mark, record in self.referred.find_gone():
            count = await self.copies.destroy(mark, await self._find_order(source, record))
            # Killed before this: there is nothing left to destroy, and the next start finds that.
            self.referred.forget(mark)
            if count:
                log.info("a file was destroyed with its records", log=self.log_name, count=count)
        if not self._is_begun:
            await self.copies.sweep(
                lambda address: self.referred.is_live(FileMark(address.retention_class, address.mark))
            )
            await self.copies.sweep_unnamed()
        self._is_begun, self._seen_destructions = True, destructions

    async def _copy(self, wanted: WantedFile) -> bool:
        """Copy what is not here of a file, and return whether something of it was left out."""
        heads = await self.feed.fetch_heads(self.name, wanted.record, wanted.mark)
        there = [head for head in heads if isinstance(head, BlobHead)]
        if not there:
            raise FileMissing("is destroyed at the site, without an order" if heads else "is not at the site")
        left_out = False
        for head in there:
            if await self.copies.is_kept(head):
                continue
            if head.stored_size_bytes > self.largest_bytes and not wanted.is_asked_for:
                left_out = True
                continue
            start = await self.copies.count_here(head)
            async with aclosing(self.feed.fetch_data(self.name, wanted.record, head, start)) as pieces:
                await self.copies.take(head, pieces)
        return left_out

    async def _find_order(self, source: LogSource, record: int) -> str:
        """Return the order that destroyed a record."""
        await self._ledger.catch_up(source)
        (leaf,) = await source.fetch_leaves(record, record + 1)
        segment = parse_any(leaf).segment
        for order in self._ledger.destructive():
            if segment in order.segments and (order.act is OrderAct.EXPIRE or record in order.indexes):
                return order.id
        return ""

    def _note_failed(self, wanted: WantedFile, fault: str) -> None:
        if self.referred.note_failed(wanted, fault, self.clock_s()):
            log.warning("a file does not come", record=f"{self.log_name}/{wanted.record}", reason=fault)
