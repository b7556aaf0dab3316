"""A file is read by one process at a time: who looks meanwhile waits for what that one finds."""

import asyncio
import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest

from components.audit.indexed import catch_up_all, open_indexed, open_site_index
from components.audit.reading import turn
from components.audit.reading.content import ContentState, ReadContent
from components.audit.reading.workers import FileReaders
from components.process.progress import ignore_progress
from tests.support.filed_site import FiledSite, find, make_filed_site

COPPER = ReadContent(ContentState.READ, "copper", ("copper", ""))
Lock = Callable[[int, int], None]


class SlowReader:
    """Reads each file when it is let; `read` are the names of those that it was given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read: list[str] = []
        self.has_begun = asyncio.Event()
        self.may_end = asyncio.Event()

        async def run(_readers: FileReaders, _file: int, name: str, *_: object) -> ReadContent:
            self.read.append(name)
            self.has_begun.set()
            await self.may_end.wait()
            return COPPER

        monkeypatch.setattr(FileReaders, "_run", run)


@pytest.fixture
async def slow(monkeypatch: pytest.MonkeyPatch) -> SlowReader:
    return SlowReader(monkeypatch)


@pytest.fixture
async def filed(tmp_path: Path) -> FiledSite:
    filed = await make_filed_site(tmp_path)
    await filed.send("offer.txt", b"what it says does not matter here")
    return filed


async def index_all(filed: FiledSite) -> None:
    """Bring the index up to date, as each look and the indexer do."""
    settings = filed.site.settings
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_all(settings, index, logs, ignore_progress)


def note_waiting(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Return what is set when somebody has asked for a turn that another has."""
    waits, take = asyncio.Event(), fcntl.flock

    def note(lock: int, how: int) -> None:
        try:
            take(lock, how)
        except BlockingIOError:
            waits.set()
            raise

    monkeypatch.setattr(fcntl, "flock", note)
    return waits


async def test_who_looks_waits_for_who_reads(
    filed: FiledSite, slow: SlowReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = note_waiting(monkeypatch)
    first = asyncio.create_task(index_all(filed))
    await slow.has_begun.wait()
    second = asyncio.create_task(index_all(filed))
    await waits.wait()
    slow.may_end.set()
    await asyncio.gather(first, second)
    assert slow.read == ["offer.txt"]
    assert await find(filed, "copper") != []


async def test_nobody_waits_for_ever(
    filed: FiledSite, slow: SlowReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that hangs, or that has an hour of sound to hear, keeps no auditor from what other files say."""
    first = asyncio.create_task(index_all(filed))
    await slow.has_begun.wait()
    monkeypatch.setattr(turn, "_WITHIN_S", 0.0)
    slow.has_begun.clear()
    second = asyncio.create_task(index_all(filed))
    await slow.has_begun.wait()
    slow.may_end.set()
    await asyncio.gather(first, second)
    assert slow.read == ["offer.txt", "offer.txt"]


async def test_the_turn_of_a_reader_that_is_stopped_is_over(filed: FiledSite, slow: SlowReader) -> None:
    first = asyncio.create_task(index_all(filed))
    await slow.has_begun.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    slow.may_end.set()
    await index_all(filed)
    assert slow.read == ["offer.txt", "offer.txt"]
    assert await find(filed, "copper") != []


async def test_a_lock_of_somebody_else_keeps_nobody_from_reading(filed: FiledSite, slow: SlowReader) -> None:
    readers = filed.site.settings.audit.index.parent / "readers"
    (readers / "reading.lock").mkdir(parents=True)  # cannot be opened, by root neither
    slow.may_end.set()
    await index_all(filed)
    assert slow.read == ["offer.txt"]
