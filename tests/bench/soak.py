"""Endurance."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from components.archive.record import RecordKind, Submission, parse_record
from policy.facts import Way
from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.client import read_stamp
from tests.bench.figures import Figure, Findings, RawRun, at_least, at_most, growth, percentile, single
from tests.bench.offer import Offered, offer
from tests.bench.schedule import Schedule
from tests.bench.sequence import SequenceCheck
from tests.bench.set_ups import BARE, STEELYARD, set_up
from tests.bench.tables import cpu_table
from tests.bench.usage import MemorySampler
from tests.support.gate_process import open_sealed

PAIRS = 100
RATE = 5000

_SAMPLE_S = 5.0
_NONE = at_most(0)
_FLAT = at_most(1.1)


@dataclass(frozen=True, slots=True)
class Archived:
    """The numbered messages in an archive."""

    distinct: int
    twice: int
    out_of_order: int


async def measure(bench: Bench) -> Findings:
    """Whether the line stays stable under a steady load, and the archive has exactly what was sent.

    200 users in 100 pairs send 5,000 messages a second through Steelyard for ten minutes, each message numbered within
    its pair. The run checks the receivers (nothing lost, twice or out of order), the latency from when a message was
    due, the memory of gate and server (median of the last fifth of the time against that of the second fifth), and
    afterwards the archive, record by record. Before, a bare Prosody has the same load for a minute. The time of its
    own work, above all its garbage collection, is also in Steelyard's latency.
    """
    bare_s = bench.pick(60.0, 5.0)
    bench.announce(f"{RATE:,} messages/s for {bare_s:.0f} s: {BARE}")
    async with set_up(BARE, bench.new_folder(), 2 * PAIRS) as server:
        bare = await run_apart(offer, server.target, PAIRS, [Schedule(RATE, bare_s)])
    duration_s = bench.pick(600.0, 20.0)
    async with set_up(STEELYARD, bench.new_folder(), 2 * PAIRS) as server:
        gate = server.gate
        assert gate is not None
        bench.announce(f"{RATE:,} messages/s for {duration_s:.0f} s: {STEELYARD}")
        async with MemorySampler(server.target.processes, min(_SAMPLE_S, duration_s / 40)) as memory:
            run = await run_apart(offer, server.target, PAIRS, [Schedule(RATE, duration_s)])
        bench.announce("reading the archive")
        archived = await run_apart(count_archived, gate.log_file, gate.log_origin, gate.auditor_key_file)
    return _findings(run, bare, archived, memory.samples_mib)


def count_archived(log_file: Path, origin: str, key_file: Path) -> Archived:
    """Count the numbered messages in an archive; their sessions are the sequences."""
    sequences: defaultdict[str, SequenceCheck] = defaultdict(SequenceCheck)
    asyncio.run(_read(log_file, origin, key_file, sequences))
    return Archived(
        sum(sequence.distinct for sequence in sequences.values()),
        sum(sequence.twice for sequence in sequences.values()),
        sum(sequence.out_of_order for sequence in sequences.values()),
    )


async def _read(
    log_file: Path, origin: str, key_file: Path, sequences: defaultdict[str, SequenceCheck]
) -> None:
    index = 0
    async with open_sealed(log_file, origin, key_file) as log:
        while records := await log.fetch(index, 4096):
            index += len(records)
            for opened in records:
                if opened.leaf.kind == RecordKind.STANZA:
                    record = parse_record(RecordKind.STANZA, opened.payload or b"")
                    if isinstance(record, Submission) and record.way == Way.C2S:
                        sequences[record.session].take(read_stamp(record.body)[1])


def _findings(
    run: Offered, bare: Offered, archived: Archived, memory_mib: dict[str, list[float]]
) -> Findings:
    (phase,) = run.phases
    latencies_ms = run.latencies_ms(phase)
    duration_s = (phase.end_ns - phase.begin_ns) / 1e9
    figures = [
        single("delivered", len(run.arrived_ns) / duration_s, "messages/s", at_least(0.99 * RATE)),
        single("delivered in all", len(run.arrived_ns), "messages"),
        single("lost", run.missing, "", _NONE),
        single("came back as errors", run.errors, "", _NONE),
        single("received twice", run.twice, "", _NONE),
        single("received out of order", run.out_of_order, "", _NONE),
        single("p50", percentile(latencies_ms, 50), "ms"),
        single("p99", percentile(latencies_ms, 99), "ms", at_most(20)),
        single("p99.9", percentile(latencies_ms, 99.9), "ms"),
        single("longest", percentile(latencies_ms, 100), "ms"),
        single("p99 of a bare Prosody", percentile(bare.latencies_ms(bare.phases[0]), 99), "ms"),
        single("generator lag", phase.lag_p99_ms, "ms"),
        single("missing in the archive", run.sent - archived.distinct, "", _NONE),
        single("in the archive twice", archived.twice, "", _NONE),
        single("in the archive out of order", archived.out_of_order, "", _NONE),
        *_memory_figures(memory_mib),
    ]
    raw: list[RawRun] = [
        {"process": name, "rss_mib": round(mib, 1)} for name, mibs in memory_mib.items() for mib in mibs
    ]
    return Findings(tuple(figures), (cpu_table({BARE: [bare.cpu], STEELYARD: [run.cpu]}),), tuple(raw))


def _memory_figures(memory_mib: dict[str, list[float]]) -> Iterator[Figure]:
    for name, samples in memory_mib.items():
        yield Figure(f"memory of {name}", max(samples), min(samples), max(samples), "MiB")
        yield single(f"growth of {name}'s memory", growth(samples), "", _FLAT)
