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
from tests.bench.archive_log import PAYLOAD, append_as_gate, make_batch, open_log
from tests.bench.figures import Figure, at_most, median_of, percentile, ratio_of_medians

# Before these, both write-ahead logs still grow, and a sync of a file that grows takes longer than all else.
_WARM_UP = 1500
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
    """Commit one row, append one record, and so on in turns, `commits` of each."""
    return uvloop.run(_commit_in_turns(folder, commits))


async def _commit_in_turns(folder: Path, commits: int) -> Commits:
    bare_ms: list[float] = []
    append_ms: list[float] = []
    entries = make_batch(1)
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as bare:
        for sql in _SET_UP:
            bare.execute(sql)
        async with open_log(folder / "log.db") as writer:
            for index in range(_WARM_UP + commits):
                bare_ms.append(_commit_bare(bare, index) * 1000)
                append_ms.append(await append_as_gate(writer, entries) * 1000)
    return Commits(tuple(sorted(bare_ms[_WARM_UP:])), tuple(sorted(append_ms[_WARM_UP:])))


def _commit_bare(database: sqlite3.Connection, index: int) -> float:
    began_s = time.perf_counter()
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO record VALUES (?, ?, ?)", (index, *_ROW))
    database.execute("COMMIT")
    return time.perf_counter() - began_s


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
