"""A process that appends through failures: `python -m tests.support.archive_survivor LOG [APPENDS [BALLAST]]`.

After a failed append it removes the file BALLAST, which gives a full disk room again, and asks the log what became of
it. At the end it prints the failures that it met, as JSON; without APPENDS whether the log is whole.
"""

import asyncio
import json
import random
import sys
from pathlib import Path

from components.archive.errors import LogUnavailable
from components.archive.reader import LogReader
from components.archive.writer import LogWriter
from components.audit.verify import verify_log
from tests.support.archive import KEY, ORIGIN, VKEY, entries

_CHUNK = 5000


async def survive(path: Path, appends: int, ballast: Path | None) -> list[str]:
    lengths = random.Random(path.name)
    writer = await LogWriter.open(path, ORIGIN, KEY)
    failures: list[str] = []
    while appends:
        try:
            promised = await writer.recover()
            batch = entries(promised, lengths.choice((1, 3, 40, 200)))
            await writer.append([(kind, payload * 50) for kind, payload in batch])
            appends -= 1
        except LogUnavailable as error:
            failures.append(str(error))
            if ballast is not None:
                ballast.unlink(missing_ok=True)  # noqa: ASYNC240 - nothing else runs here
    await writer.close()
    return failures


async def examine(path: Path) -> dict[str, object]:
    report = verify_log(path, VKEY)
    reader = await LogReader.open(path)
    records = [
        record for first in range(0, report.size, _CHUNK) for record in await reader.fetch(first, _CHUNK)
    ]
    await reader.close()
    return {
        "problems": [problem.detail for problem in report.problems],
        "size": report.size,
        "exact": [record.payload for record in records]
        == [b"record %d" % index * 50 for index in range(report.size)],
    }


async def run(path: Path, appends: int = 0, ballast: Path | None = None) -> object:
    return await (survive(path, appends, ballast) if appends else examine(path))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(Path(sys.argv[1]), *map(int, sys.argv[2:3]), *map(Path, sys.argv[3:])))))
