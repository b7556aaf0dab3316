"""A process that appends through failures: `python -m tests.support.archive_survivor LOG [APPENDS [BALLAST]]`.

After a failed append it removes the file BALLAST, which gives a full disk room again, and learns from the log's newest
memo what became of it. Between them it signs, and its clock runs so fast that segments end. At the end it prints the
failures that it met, as JSON; without APPENDS whether the log is whole.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

from components.archive.errors import LogUnavailable
from components.archive.reader import LogReader
from components.archive.writer import LogWriter
from components.verifier.log import verify_log
from tests.support.archive import AUDITOR, ESCROW, VKEY, entries, open_writer, ticking
from tests.support.rounds import chance
from tests.support.sealed_log import assert_segments_add_up, open_spoken, read_leaves

_TICK_NS = 37_000_000_000


async def survive(path: Path, appends: int, ballast: Path | None) -> list[str]:
    draw = chance(path.name)
    failures: list[str] = []

    def note(error: LogUnavailable) -> None:
        failures.append(str(error))
        if ballast is not None:
            ballast.unlink(missing_ok=True)

    writer = await start(path)
    while appends:
        try:
            await writer.recover()
            if draw.random() < 0.4:
                await writer.maintain(sign_after_s=0)
            said = await count_said(path)
            batch = entries(said, draw.choice((1, 3, 40, 200)))
            batch = [entry._replace(payload=entry.payload * 50) for entry in batch]
            await writer.append(
                batch, memo=b"%d" % (said + len(batch)), forget_memos_before=writer.size - 500
            )
            appends -= 1
        except LogUnavailable as error:
            note(error)
    await stop(writer, path, note)
    return failures


async def start(path: Path) -> LogWriter:
    return await open_writer(path, ticking(step_ns=_TICK_NS))


async def stop(writer: LogWriter, path: Path, note: Callable[[LogUnavailable], None]) -> None:
    """Close the writer; where that fails, so that the log is not ended and signed, do it with another."""
    while True:
        try:
            await writer.close()
            return
        except LogUnavailable as error:
            note(error)
        writer = await restart(path, note)


async def restart(path: Path, note: Callable[[LogUnavailable], None]) -> LogWriter:
    while True:
        try:
            return await start(path)
        except LogUnavailable as error:
            note(error)


async def count_said(path: Path) -> int:
    """Give the number of records that the newest batch of which there is a memo ended with."""
    reader = await LogReader.open(path)
    memos = await reader.fetch_memos(1)
    await reader.close()
    return int(memos[0].note) if memos else 0


async def examine(path: Path) -> dict[str, object]:
    assert_segments_add_up(path)
    said = await count_said(path)
    exact = [b"record %d" % index * 50 for index in range(said)]
    return {
        "problems": [problem.detail for problem in verify_log(path, VKEY).problems],
        "size": len(read_leaves(path)),
        "exact": [await open_spoken(path, key) == exact for key in (AUDITOR, ESCROW)],
    }


async def run(path: Path, appends: int = 0, ballast: Path | None = None) -> object:
    return await (survive(path, appends, ballast) if appends else examine(path))


if __name__ == "__main__":
    log, *rest = sys.argv[1:]
    done = run(Path(log), int(rest[0]) if rest else 0, Path(rest[1]) if rest[1:] else None)
    print(json.dumps(asyncio.run(done)))
