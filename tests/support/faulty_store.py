"""A store whose commits fail: before they did anything, or after they did all; or another log takes its place."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from components.archive.errors import LogUnavailable
from components.archive.store import Change
from components.archive.store.sqlite import SqliteStore

Chosen = Callable[[Change], bool]


def appends(change: Change) -> bool:
    """Choose the commits that hold records of the writer's caller, or open segments for them."""
    return bool(change.leaves) and len(change.leaves) > len(change.closed)


def ends_segments(change: Change) -> bool:
    """Choose the commits that do nothing but end segments."""
    return bool(change.closed) and len(change.leaves) == len(change.closed)


def signs(change: Change) -> bool:
    """Choose the commits that hold a checkpoint."""
    return change.checkpoint is not None


def always(_change: Change) -> bool:
    """Choose every commit."""
    return True


class FaultyStore(SqliteStore):
    """A store whose chosen commits, or whose reopening, fail while the flags are set; keeps what was tried."""

    fail_before: Chosen | None = None
    fail_after: Chosen | None = None
    fail_reopen = False
    turns_around_commit = 0  # of the event loop, as a store on another machine needs them
    exchanged_for: Path | None = None

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.tried: list[Change] = []

    def heal(self) -> None:
        self.fail_before = self.fail_after = None
        self.fail_reopen = False

    async def commit(self, change: Change) -> None:
        self.tried.append(change)
        if self.fail_before is not None and self.fail_before(change):
            raise LogUnavailable("failed before anything was written")
        await self._wait()
        await super().commit(change)
        await self._wait()
        if self.fail_after is not None and self.fail_after(change):
            raise LogUnavailable("the answer was lost")

    async def _wait(self) -> None:
        for _ in range(self.turns_around_commit):
            await asyncio.sleep(0)

    async def reopen(self) -> None:
        if self.fail_reopen:
            raise LogUnavailable("still no disk")
        await super().reopen()

    async def _connect(self) -> None:
        if self.exchanged_for:
            # In place: another file of this name is noticed before it is read.
            self._path.write_bytes(self.exchanged_for.read_bytes())
            self.exchanged_for = None
        await super()._connect()
