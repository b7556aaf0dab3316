"""One record in a commit of its own, beside a row of the same size that SQLite commits for anybody."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import uvloop

from components.archive.log.leaf import LEAF_SIZE_BYTES
from components.archive.seal import TAG_SIZE_BYTES
from components.archive.writer import LogWriter
from tests.bench.archive_log import PAYLOAD, append_as_gate, make_batch, open_log
from tests.bench.figures import Figure, at_most, median_of, percentile, ratio_of_medians

_BLOCK = 100  # so many of the one, then of the other: what the disk does meanwhile befalls both
_SET_UP = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "CREATE TABLE record (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL, payload BLOB)",
)
_ROW = (bytes(LEAF_SIZE_BYTES), PAYLOAD + bytes(TAG_SIZE_BYTES))


@dataclass(frozen=True, slots=True)
class Commits:
    """How long each commit of one record took in a round, in ms, ascending."""

    bare_ms: tuple[float, ...]
    append_ms: tuple[float, ...]


def commit_in_turns(folder: Path, commits: int) -> Commits:
    """Commit one row and append one record, each `commits` times, a hundred of each in turns."""
    return uvloop.run(_commit_in_turns(folder, commits))


async def _commit_in_turns(folder: Path, commits: int) -> Commits:
    bare_ms: list[float] = []
    append_ms: list[float] = []
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as bare:
        for sql in _SET_UP:
            bare.execute(sql)
        async with open_log(folder / "log.db") as writer:
            for first in range(0, commits, _BLOCK):
                bare_ms += [_commit_bare(bare, index) for index in range(first, first + _BLOCK)]
                append_ms += [await _append_one(writer) for _ in range(_BLOCK)]
    return Commits(tuple(sorted(bare_ms)), tuple(sorted(append_ms)))


def _commit_bare(database: sqlite3.Connection, index: int) -> float:
    began_s = time.perf_counter()
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO record VALUES (?, ?, ?)", (index, *_ROW))
    database.execute("COMMIT")
    return (time.perf_counter() - began_s) * 1000


async def _append_one(writer: LogWriter) -> float:
    return await append_as_gate(writer, make_batch(1)) * 1000


def commit_figures(rounds: Sequence[Commits]) -> tuple[Figure, ...]:
    """Show rounds of `commit_in_turns`."""
    bare = [median(each.bare_ms) for each in rounds]
    append = [median(each.append_ms) for each in rounds]
    return (
        median_of("a bare commit of one row: p50", bare, "ms"),
        median_of("an append of one record: p50", append, "ms"),
        ratio_of_medians("an append / a bare commit, p50", append, bare, at_most(1.3)),
        median_of("a bare commit: p99", [percentile(each.bare_ms, 99) for each in rounds], "ms"),
        median_of("an append: p99", [percentile(each.append_ms, 99) for each in rounds], "ms"),
    )
