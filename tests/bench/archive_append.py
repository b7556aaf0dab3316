"""What the log costs by itself: `python -m tests.bench.archive_append`."""

import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles

import aiosqlite
import uvloop

from components.archive.reader import LogReader
from components.archive.record import RecordKind
from components.archive.store.open import StoreName
from components.archive.writer import Entry, LogWriter
from components.audit.verify import verify_log
from tests.support.archive import RECIPIENTS, SIGNER, VKEY

PAYLOAD = bytes(range(200)) * 3
BARE_TABLE = "CREATE TABLE record (idx INTEGER PRIMARY KEY, leaf BLOB, payload BLOB)"
BARE_INSERT = "INSERT INTO record VALUES (?, ?, ?)"

Figures = dict[str, float]


def run(scale: float = 1.0) -> Figures:
    """Measure with 600-byte payloads on the disk of the temporary folder; `scale` shortens or lengthens it."""
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        commits = int(2000 * scale)
        figures |= _bare_commits(root / "bare.db", commits)
        figures |= uvloop.run(_bare_aiosqlite_commits(root / "aio.db", commits))
        figures |= uvloop.run(measure_appends(root / "1.db", "append of 1", 1, commits))
        for batch in (16, 256, 500):
            count = int(200_000 * scale) // batch
            figures |= uvloop.run(measure_appends(root / f"{batch}.db", f"append of {batch}", batch, count))
        figures |= _verification(root / "500.db")
        figures |= uvloop.run(_proofs(root / "500.db"))
    return figures


def _latency_figures(what: str, taken_s: list[float]) -> Figures:
    return {
        f"{what}: median, ms": median(taken_s) * 1e3,
        f"{what}: p99, ms": quantiles(taken_s, n=100)[98] * 1e3,
    }


def _bare_commits(path: Path, count: int) -> Figures:
    """One row, one commit, in the calling thread: what the disk and SQLite take at least."""
    taken_s = []
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for sql in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", BARE_TABLE):
            database.execute(sql)
        for index in range(count):
            start = time.perf_counter()
            database.execute("BEGIN IMMEDIATE")
            database.execute(BARE_INSERT, (index, bytes(54), PAYLOAD))
            database.execute("COMMIT")
            taken_s.append(time.perf_counter() - start)
    return _latency_figures("bare commit of 1", taken_s)


async def _bare_aiosqlite_commits(path: Path, count: int) -> Figures:
    taken_s = []
    async with aiosqlite.connect(path, isolation_level=None) as database:
        for sql in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", BARE_TABLE):
            await database.execute(sql)
        for index in range(count):
            start = time.perf_counter()
            await database.execute("BEGIN IMMEDIATE")
            await database.execute(BARE_INSERT, (index, bytes(54), PAYLOAD))
            await database.execute("COMMIT")
            taken_s.append(time.perf_counter() - start)
    return _latency_figures("bare commit of 1 through aiosqlite", taken_s)


async def measure_appends(path: StoreName, what: str, batch: int, count: int) -> Figures:
    writer = await LogWriter.open(path, SIGNER, RECIPIENTS)
    entries = [Entry(RecordKind.STANZA, PAYLOAD)] * batch
    taken_s = []
    began, cpu_began = time.perf_counter(), time.process_time()
    for _ in range(count):
        start = time.perf_counter()
        await writer.append(entries)
        taken_s.append(time.perf_counter() - start)
        writer.integrate()
        await writer.maintain()
    elapsed_s, records = time.perf_counter() - began, count * batch
    figures = {
        f"{what}: records/s": records / elapsed_s,
        f"{what}: CPU a record, us": (time.process_time() - cpu_began) / records * 1e6,
    }
    await writer.close()
    return figures | _latency_figures(what, taken_s)


def _verification(path: Path) -> Figures:
    began = time.perf_counter()
    report = verify_log(path, VKEY)
    if not report.ok:
        raise AssertionError(report.problems)
    return {"verification: records/s": report.size / (time.perf_counter() - began)}


async def _proofs(path: Path) -> Figures:
    reader = await LogReader.open(path)
    size = await reader.size()
    taken_s = []
    for index in range(0, size, max(1, size // 500)):
        start = time.perf_counter()
        await reader.inclusion_proof(index, size)
        taken_s.append(time.perf_counter() - start)
    await reader.close()
    return _latency_figures("inclusion proof", taken_s)


if __name__ == "__main__":
    for name, value in run().items():
        print(f"{name:75} {value:12,.2f}")
