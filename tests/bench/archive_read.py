"""Reading a log back: verified whole, proved record by record, and opened with an auditor's key."""

import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop

from components.archive.log.checkpoint import verify_checkpoint
from components.archive.log.merkle import leaf_hash, verify_inclusion
from components.archive.opener import RecordOpener
from components.archive.reader import LogReader
from components.verifier.log import verify_log
from tests.bench.archive_log import PAYLOAD
from tests.bench.errors import BenchError
from tests.bench.figures import Figure, at_least, at_most, percentile, single
from tests.support.archive import AUDITOR, ORIGIN, VERIFIER_KEY, VKEY

_SEED = 20261124
_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Verified:
    """How many records were verified in how long; `cpu_s` is what the process used of its core."""

    records: int
    took_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Proved:
    """How long each proof of one of `records` records took, in ms, ascending."""

    records: int
    took_ms: tuple[float, ...]


def verify_all(path: Path) -> Verified:
    """Verify a whole log with the verifier that goes out with exports; raises BenchError if it finds anything."""
    drop_from_memory(path)
    began_s, cpu_began_s = time.perf_counter(), time.process_time()
    report = verify_log(path, VKEY)
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_began_s
    if not report.ok or report.pending:
        raise BenchError(f"the log does not verify: {report.problems[:3]}, {report.pending} pending")
    return Verified(report.size, took_s, cpu_s)


def prove_some(path: Path, proofs: int) -> Proved:
    """Prove records here and there in the log, each proof checked against the checkpoint afterwards."""
    drop_from_memory(path)
    return uvloop.run(_prove_some(path, proofs))


async def _prove_some(path: Path, proofs: int) -> Proved:
    reader = await LogReader.open(path)
    try:
        checkpoint = verify_checkpoint((await reader.checkpoint()).decode(), VERIFIER_KEY)
        took_ms = []
        chance = random.Random(_SEED)
        for _ in range(proofs):
            index = chance.randrange(checkpoint.size)
            began_s = time.perf_counter()
            proof = await reader.inclusion_proof(index, checkpoint.size)
            took_ms.append((time.perf_counter() - began_s) * 1000)
            (leaf,) = await reader.source.fetch_leaves(index, index + 1)
            verify_inclusion(index, checkpoint.size, leaf_hash(leaf), proof, checkpoint.root)
        return Proved(checkpoint.size, tuple(sorted(took_ms)))
    finally:
        await reader.close()


def open_some(path: Path, records: int) -> float:
    """Open the first records of a log with the auditor's key; gives records/s."""
    drop_from_memory(path)
    return uvloop.run(_open_some(path, records))


async def _open_some(path: Path, records: int) -> float:
    reader = await LogReader.open(path)
    try:
        opener = RecordOpener(reader, ORIGIN, [AUDITOR])
        began_s = time.perf_counter()
        for first in range(0, records, _CHUNK):
            for opened in await opener.fetch(first, min(_CHUNK, records - first)):
                if opened.leaf.segment and opened.payload != PAYLOAD:
                    raise BenchError(f"record {opened.index} does not open: {opened.fault}")
        return records / (time.perf_counter() - began_s)
    finally:
        await reader.close()


def drop_from_memory(path: Path) -> None:
    """Let the system forget what it has of a file, so that it is read from the disk; before anything opens it."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)  # only what is on the disk can be forgotten
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(file)


def read_figures(verified: Verified, proved: Proved, opened_rate: float) -> tuple[Figure, ...]:
    """Show what reading took."""
    rate = verified.records / verified.took_s
    proof = f"an inclusion proof, one of {proved.records:,} records"
    return (
        single(f"verified, {verified.records:,} records on one core", rate, "records/s", at_least(100_000)),
        single("verified: CPU a record", verified.cpu_s / verified.records * 1e6, "us"),
        single(f"{proof}: p50", percentile(proved.took_ms, 50), "ms", at_most(5)),
        single(f"{proof}: p99", percentile(proved.took_ms, 99), "ms"),
        single("opened with an auditor's key", opened_rate, "records/s"),
    )
