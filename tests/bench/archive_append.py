"""Appending to a log from its first record to its ten-millionth, and in batches as the gate makes them."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import uvloop

from tests.bench.archive_log import Paces, append_in_slices, make_batch, make_memo, open_log
from tests.bench.errors import BenchError
from tests.bench.figures import Figure, Table, at_least, median_of, percentile, single
from tests.bench.report import format_number

BATCH = 500
PARTS = 10
GATE_BATCHES = (1, 16, 128)

_SLICES_PER_PART = 20
# A record of 600 bytes takes some 850 in the database, tiles included; and room is left for others.
_DISK_PER_RECORD_BYTES = 1200


def require_room(folder: Path, records: int) -> None:
    """Raise BenchError where the disk has no room for a log of so many records."""
    needed, free = records * _DISK_PER_RECORD_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        raise BenchError(
            f"a log of {records:,} records needs {needed / 1e9:.1f} GB free, and {folder} has"
            f" {free / 1e9:.1f}; set TMPDIR to another disk"
        )


def append_all(path: Path, records: int) -> Paces:
    """Make a log of `records` records in batches of 500; gives 20 slices for each tenth of it."""
    return uvloop.run(_append_all(path, records))


async def _append_all(path: Path, records: int) -> Paces:
    slices = PARTS * _SLICES_PER_PART
    async with open_log(path) as writer:
        return await append_in_slices(writer, make_batch(BATCH), records // BATCH // slices, slices)


def append_gate_batches(folder: Path, batch: int, records: int) -> Paces:
    """Append `records` records in batches of the gate's kind: two retention classes, and a memo with each."""
    return uvloop.run(_append_gate_batches(folder / f"{batch}.db", batch, max(1, records // batch)))


async def _append_gate_batches(path: Path, batch: int, count: int) -> Paces:
    async with open_log(path) as writer:
        return await append_in_slices(writer, make_batch(batch, classes=2), count, 1, make_memo(batch))


def part_rates(slice_rates: Sequence[float], parts: int) -> list[float]:
    """Give the median rate of each of `parts` equal parts of a run."""
    length = len(slice_rates) // parts
    return [median(slice_rates[part * length : (part + 1) * length]) for part in range(parts)]


def growth_figures(records: int, paces: Paces) -> tuple[tuple[Figure, ...], Table]:
    """Show a run of `append_all`: whether it is quick, and as quick at the end as at the beginning."""
    rates = part_rates(paces.slice_rates, PARTS)
    took_ms = sorted(paces.took_ms)
    part = records // PARTS
    figures = (
        single(f"batches of {BATCH}, {records:,} records", paces.rate, "records/s", at_least(40_000)),
        single(f"the last {part:,} / the first {part:,}", rates[-1] / rates[0], "", at_least(0.9)),
        single(f"batches of {BATCH}: CPU a record", paces.cpu_us, "us"),
        single(f"batches of {BATCH}: p50 of an append", percentile(took_ms, 50), "ms"),
        single(f"batches of {BATCH}: p99 of an append", percentile(took_ms, 99), "ms"),
    )
    rows = tuple(
        (f"{index * part:,} to {(index + 1) * part:,}", format_number(rate))
        for index, rate in enumerate(rates)
    )
    return figures, Table("Appended in batches of 500, by how long the log was", ("", "records/s"), rows)


def batch_figures(batch: int, rounds: Sequence[Paces]) -> tuple[Figure, ...]:
    """Show rounds of `append_gate_batches`."""
    what = f"gate's batches of {batch}"
    took_ms = [sorted(paces.took_ms) for paces in rounds]
    return (
        median_of(what, [paces.rate for paces in rounds], "records/s"),
        median_of(f"{what}: CPU a record", [paces.cpu_us for paces in rounds], "us"),
        median_of(f"{what}: p50 of an append", [percentile(taken, 50) for taken in took_ms], "ms"),
        median_of(f"{what}: p99 of an append", [percentile(taken, 99) for taken in took_ms], "ms"),
    )
