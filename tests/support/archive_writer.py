"""A process that appends until it is killed: `python -m tests.support.archive_writer LOG SEED`.

After each append it prints how many records were said to be durable by then; it also signs now and then, and its clock
runs so fast that segments end.
"""

import asyncio
import sys
from pathlib import Path

from tests.support.archive import START_S, entries, open_writer, ticking
from tests.support.archive_survivor import count_said
from tests.support.rounds import chance

_TICK_NS = 11_000_000_000


async def append_until_killed(path: Path, seed: int) -> None:
    draw = chance(seed)
    # Each starts an hour before the last: the log's time may not go back with it.
    writer = await open_writer(path, ticking(START_S - 3600 * seed, step_ns=_TICK_NS))
    said = await count_said(path)
    while True:
        batch = [
            entry._replace(payload=entry.payload * 50, retention_class=draw.choice((1, 2)))
            for entry in entries(said, draw.choice((1, 3, 40, 700)))
        ]
        said += len(batch)
        await writer.append(batch, memo=b"%d" % said, forget_memos_before=writer.size)
        print(said, flush=True)
        if draw.random() < 0.3:
            await writer.maintain(sign_after_s=0)


if __name__ == "__main__":
    asyncio.run(append_until_killed(Path(sys.argv[1]), int(sys.argv[2])))
