"""A log with orders to carry out, and a process that does: `python -m tests.support.retention_worker LOG`.

It opens the log as a gate does, carries out what waits, in pieces of a few records, and ends.
"""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from components.archive.orders import pieces
from components.archive.orders.order import OrderAct
from components.archive.record import RecordKind
from components.archive.store.sqlite import SqliteStore
from components.archive.store.sqlite_source import SqliteSource
from components.archive.writer import Entry, LogWriter
from tests.support.archive import RECIPIENTS, SIGNER, START_S, open_writer
from tests.support.orders import NOW_NS, examine, make_erasure, make_executor, make_request, submit

PIECE_RECORDS = 6


@dataclass(frozen=True)
class Scene:
    """What is to become of each record of the log: gone at last, or to be readable at any time."""

    gone: frozenset[int]
    kept: frozenset[int]
    said: dict[int, bytes | None]


async def set_scene(path: Path) -> Scene:
    """Segments 1 to 3: a hold on 3, an erasure in 1, an expiry of 2, one of 3 that the hold forbids, a release."""
    for run in range(3):
        times = iter(range(START_S * 10**9 + run * 10**12, START_S * 10**9 + run * 10**12 + 10**6))
        writer = await open_writer(path, times)
        await writer.append([Entry(RecordKind.STANZA, b"said %d " % (100 * run + n) * 20) for n in range(20)])
        await writer.close()
    before = await examine(path)
    erased = [before.indexes_of(1)[place] for place in (0, 2, 3, 5, 7, 8, 9, 12, 17)]
    await submit(
        path,
        make_request(OrderAct.HOLD, "h1", segments=(3,)),
        await make_erasure(path, "e1", erased, ["h1"]),
        make_request(OrderAct.EXPIRE, "x1", segments=(2,), considered=("h1",)),
        make_request(OrderAct.EXPIRE, "x2", segments=(3,), considered=("h1",)),
        make_request(OrderAct.RELEASE, "r1", hold="h1"),
    )
    gone = frozenset([*erased, *before.indexes_of(2)])
    return Scene(gone, frozenset(before.said()) - gone, before.said())


async def carry_out(path: Path) -> None:
    store = await SqliteStore.open(path)
    times = iter(range(NOW_NS, NOW_NS + 10**6))
    writer = await LogWriter.open_on(store, SIGNER, RECIPIENTS, lambda: next(times))
    source = await SqliteSource.open(path)
    executor = make_executor(writer, source)
    await executor.serve()
    await source.close()
    await writer.close()


def make_pieces_small() -> None:
    pieces.MAX_PIECE_RECORDS = PIECE_RECORDS


if __name__ == "__main__":
    make_pieces_small()
    asyncio.run(carry_out(Path(sys.argv[1])))
