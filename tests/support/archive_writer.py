"""A process that appends until it is killed: `python -m tests.support.archive_writer LOG SEED`.

After each append it prints the size that `append` promised.
"""

import asyncio
import random
import sys
from pathlib import Path

from components.archive.writer import LogWriter
from tests.support.archive import KEY, ORIGIN, entries


async def append_until_killed(path: Path, seed: int) -> None:
    lengths = random.Random(seed)
    writer = await LogWriter.open(path, ORIGIN, KEY)
    while True:
        batch = entries(writer.size, lengths.choice((1, 3, 40, 700)))
        await writer.append([(kind, payload * 50) for kind, payload in batch])
        print(writer.size, flush=True)


if __name__ == "__main__":
    asyncio.run(append_until_killed(Path(sys.argv[1]), int(sys.argv[2])))
