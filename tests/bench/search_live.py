"""How soon a message can be found: a process appends at a steady pace, another follows as the indexer does."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop

from components.archive.opener import RecordOpener
from components.archive.reader import LogReader
from components.archive.record import RecordKind, encode_submission
from components.archive.writer import DEFAULT_CLASS, Entry
from components.audit.index.catch_up import size_of
from components.audit.index.index import Index
from components.audit.index.logs import IndexedLog
from components.settings.indexer import IndexerSettings
from tests.bench.archive_log import open_log
from tests.bench.search_made import make_submissions
from tests.bench.search_run import KEY
from tests.support.archive import AUDITOR, ORIGIN

PACE = 2000
_BATCH = 20
_PATIENCE_S = 30.0
# So long after the last record it is over.
_QUIET_S = 3.0
_EVERY_S = float(IndexerSettings.model_fields["every_s"].default)


@dataclass(frozen=True, slots=True)
class Appended:
    """When the records before an index were durable: pairs of that index and a time that both processes have, in s."""

    ends: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Followed:
    """When the entries before an index could be found: pairs, likewise."""

    ends: tuple[tuple[int, float], ...]


def append_steadily(log: Path, for_s: float) -> Appended:
    """Append 2,000 messages a second, and note when they were durable: then they are delivered."""
    return uvloop.run(_append_steadily(log, for_s))


async def _append_steadily(log: Path, for_s: float) -> Appended:
    ends = []
    made = make_submissions(int(PACE * for_s) + _BATCH, first=50_000_000)
    records = [Entry(RecordKind.STANZA, encode_submission(each), DEFAULT_CLASS) for each in made]
    async with open_log(log) as writer:
        begin_s = time.monotonic()
        for number in range(int(PACE * for_s) // _BATCH):
            await asyncio.sleep(max(0.0, begin_s + number * _BATCH / PACE - time.monotonic()))
            await writer.append(records[number * _BATCH : (number + 1) * _BATCH])
            ends.append((writer.size, time.monotonic()))
            writer.integrate()
    return Appended(tuple(ends))


def follow(log: Path, index: Path, for_s: float) -> Followed:
    """Follow a log that is there, and note when what was new could be found."""
    return uvloop.run(_follow(log, index, for_s))


async def _follow(log: Path, index: Path, for_s: float) -> Followed:
    ends = []
    give_up_at_s = time.monotonic() + _PATIENCE_S + for_s
    reader = await LogReader.open(log)
    opener = RecordOpener(reader, ORIGIN, [AUDITOR])
    try:
        with Index(index, key=KEY) as opened:
            quiet_since_s = time.monotonic()
            while time.monotonic() < give_up_at_s and time.monotonic() - quiet_since_s < _QUIET_S:
                if await size_of(opener) > opened.size_of(IndexedLog.GATE):
                    await opened.catch_up(opener, name="gate")
                    quiet_since_s = time.monotonic()
                    ends.append((opened.size_of(IndexedLog.GATE), quiet_since_s))
                await asyncio.sleep(_EVERY_S)
    finally:
        await reader.close()
    return Followed(tuple(ends))


def find_lags(appended: Appended, followed: Followed) -> list[float]:
    """Return for each batch how long it took until it could be found, in s, ascending."""
    lags, found = [], iter(followed.ends)
    end, at_s = next(found, (0, 0.0))
    for size, durable_at_s in appended.ends:
        while end < size:
            end, at_s = next(found)
        lags.append(max(0.0, at_s - durable_at_s))
    return sorted(lags)
