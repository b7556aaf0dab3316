"""Logs to measure: sealed records of 600 bytes, appended and maintained as the gate does it."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from components.archive.maintenance import maintain_log
from components.archive.record import RecordKind
from components.archive.store.open import StoreName
from components.archive.writer import DEFAULT_CLASS, Entry, LogWriter
from components.gate.memo import Memo, encode_memo
from policy.decision import release
from tests.support.archive import RECIPIENTS, SIGNER

PAYLOAD = bytes(range(200)) * 3

_KEPT_MEMOS = 16
_OTHER_CLASS = DEFAULT_CLASS + 1


@dataclass(frozen=True, slots=True)
class Paces:
    """How records were appended: the rate from the first to the last, and the rate of each slice of them.

    `cpu_us` is what the writing process used for a record, `took_ms` how long each append took by itself.
    """

    rate: float
    slice_rates: tuple[float, ...]
    cpu_us: float
    took_ms: tuple[float, ...]


@asynccontextmanager
async def open_log(name: StoreName) -> AsyncIterator[LogWriter]:
    """Open a log for writing, maintained by the gate's own task; ended, signed and closed at the end."""
    writer = await LogWriter.open(name, SIGNER, RECIPIENTS)
    maintaining = asyncio.create_task(maintain_log(writer))
    try:
        yield writer
    finally:
        maintaining.cancel()
        with suppress(asyncio.CancelledError):
            await maintaining
        await writer.close()


def make_batch(count: int, *, classes: int = 1) -> list[Entry]:
    """Make `count` entries of 600 bytes, of one retention class or of two in turns."""
    return [
        Entry(RecordKind.STANZA, PAYLOAD, _OTHER_CLASS if index % classes else DEFAULT_CLASS)
        for index in range(count)
    ]


def make_memo(count: int) -> bytes:
    """Make the memo that the gate keeps with a batch in which all is allowed."""
    return encode_memo(Memo("9f2c1a7b", [(1_000_000 + number, release()) for number in range(count)]))


async def append_as_gate(
    writer: LogWriter, entries: Sequence[Entry], memo: bytes = b"", forget_memos_before: int = 0
) -> float:
    """Append, then do what the gate does before the next batch; gives how long the append alone took, in s."""
    began_s = time.perf_counter()
    await writer.append(entries, memo=memo, forget_memos_before=forget_memos_before)
    took_s = time.perf_counter() - began_s
    await asyncio.sleep(0)  # the link has its turn, and so has maintenance
    writer.integrate()
    return took_s


async def append_in_slices(
    writer: LogWriter, entries: Sequence[Entry], batches_per_slice: int, slices: int, memo: bytes = b""
) -> Paces:
    """Append one batch after the other, with a `memo` if there is one, forgotten again 16 batches later."""
    took_s: list[float] = []
    slice_rates = []
    began_s = slice_began_s = time.perf_counter()
    cpu_began_s = time.process_time()
    for _ in range(slices):
        for _ in range(batches_per_slice):
            forget = writer.size - _KEPT_MEMOS * len(entries) if memo else 0
            took_s.append(await append_as_gate(writer, entries, memo, max(0, forget)))
        now_s = time.perf_counter()
        slice_rates.append(batches_per_slice * len(entries) / (now_s - slice_began_s))
        slice_began_s = now_s
    records = slices * batches_per_slice * len(entries)
    return Paces(
        records / (slice_began_s - began_s),
        tuple(slice_rates),
        (time.process_time() - cpu_began_s) / records * 1e6,
        tuple(one_s * 1000 for one_s in took_s),
    )
