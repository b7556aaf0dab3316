"""The log in PostgreSQL."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import uvloop

from components.archive.store.open import StoreName
from tests.bench.apart import run_apart
from tests.bench.archive_log import Paces, append_as_gate, append_in_slices, make_batch, open_log
from tests.bench.bench import Bench
from tests.bench.errors import BenchError
from tests.bench.figures import Figure, Findings, at_least, median_of, percentile, ratio_of_medians
from tests.bench.usage import SERVER_CORE
from tests.support.postgres import PostgresServer, run_postgres

BATCH = 500

_BLOCK = 100
_LOG = "#gate"


@dataclass(frozen=True, slots=True)
class Singles:
    """How long each append of one record took, in ms, ascending."""

    postgres_ms: tuple[float, ...]
    sqlite_ms: tuple[float, ...]


async def measure(bench: Bench) -> Findings:
    """What it costs to append sealed records of 600 bytes when the log is in PostgreSQL instead of SQLite.

    The server is PostgreSQL 15 with fsync and synchronous commit, on the same disk, reached over loopback. It has one
    core, and the appending process has another. COPY writes the records of a batch, and every append is durable before
    it returns. The rate includes tiles, checkpoints and segments. *An append of one record* is the append alone; a
    hundred in PostgreSQL and a hundred in SQLite take turns.
    """
    try:
        with run_postgres() as server:
            return await _measure(bench, server)
    except FileNotFoundError as error:
        raise BenchError(
            f"{error.filename} is missing: PostgreSQL comes with apt-get install postgresql"
        ) from None


async def _measure(bench: Bench, server: PostgresServer) -> Findings:
    paces: list[Paces] = []
    singles: list[Singles] = []
    for _, what, folder in bench.turns(f"batches of {BATCH}", "one record in a commit"):
        name = server.make_database() + _LOG
        if what.startswith("batches"):
            batches = bench.pick(1000, 40)
            paces.append(await run_apart(append_batches, name, batches, core=SERVER_CORE))
        else:
            commits = bench.pick(2000, 200)
            singles.append(await run_apart(append_in_turns, name, folder, commits, core=SERVER_CORE))
    return Findings((*_batch_figures(paces), *_single_figures(singles)))


def append_batches(name: str, count: int) -> Paces:
    """Append `count` batches of 500 to a new log."""
    return uvloop.run(_append_batches(name, count))


async def _append_batches(name: StoreName, count: int) -> Paces:
    async with open_log(name) as writer:
        return await append_in_slices(writer, make_batch(BATCH), count, 1)


def append_in_turns(name: str, folder: Path, commits: int) -> Singles:
    """Append single records to two new logs, a hundred to each in turns."""
    return uvloop.run(_append_in_turns(name, folder / "log.db", commits))


async def _append_in_turns(postgres: StoreName, sqlite: StoreName, commits: int) -> Singles:
    entries = make_batch(1)
    async with AsyncExitStack() as logs:
        writers = [await logs.enter_async_context(open_log(name)) for name in (postgres, sqlite)]
        took_s: tuple[list[float], list[float]] = ([], [])
        for _ in range(0, commits, _BLOCK):
            for writer, times in zip(writers, took_s, strict=True):
                times += [await append_as_gate(writer, entries) for _ in range(_BLOCK)]
    postgres_ms, sqlite_ms = (tuple(sorted(one_s * 1000 for one_s in times)) for times in took_s)
    return Singles(postgres_ms, sqlite_ms)


def _batch_figures(rounds: Sequence[Paces]) -> tuple[Figure, ...]:
    what = f"batches of {BATCH} in PostgreSQL"
    took_ms = [sorted(paces.took_ms) for paces in rounds]
    return (
        median_of(what, [paces.rate for paces in rounds], "records/s", at_least(20_000)),
        median_of(f"{what}: CPU a record, the writer's alone", [paces.cpu_us for paces in rounds], "us"),
        median_of(f"{what}: p50 of an append", [percentile(taken, 50) for taken in took_ms], "ms"),
        median_of(f"{what}: p99 of an append", [percentile(taken, 99) for taken in took_ms], "ms"),
    )


def _single_figures(rounds: Sequence[Singles]) -> tuple[Figure, ...]:
    postgres = [median(each.postgres_ms) for each in rounds]
    sqlite = [median(each.sqlite_ms) for each in rounds]
    return (
        median_of("an append of one record in PostgreSQL: p50", postgres, "ms"),
        median_of("an append of one record in SQLite: p50", sqlite, "ms"),
        ratio_of_medians("one record, PostgreSQL / SQLite, p50", postgres, sqlite),
        median_of(
            "an append of one record in PostgreSQL: p99",
            [percentile(each.postgres_ms, 99) for each in rounds],
            "ms",
        ),
    )
