"""The disk by itself."""

import os
import time
from pathlib import Path

from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.figures import Findings, percentile, single

_WRITE = bytes(3 * 4096)
_FILE_SIZE_BYTES = 1000 * 4096
_PAUSE_S = 0.0003
_STALL_MS = 20


async def measure(bench: Bench) -> Findings:
    """What this disk costs every gate that records before it releases; none of our code runs.

    A loop overwrites 12 KiB of a file of 4 MB, as a commit does in SQLite's write-ahead log, and waits for fdatasync,
    about 2,000 times a second. A *stall* takes longer than 20 ms. Everything that is held meanwhile waits as long. So
    if a run of ten seconds has a stall of 100 ms, it shows in its 99th percentile.
    """
    duration_s = bench.pick(60.0, 3.0)
    bench.announce("writing and waiting for fdatasync")
    took_ms = sorted(await run_apart(_sync_again_and_again, bench.new_folder() / "sync", duration_s))
    stalls = sum(1 for one_ms in took_ms if one_ms > _STALL_MS)
    return Findings(
        (
            single("fdatasync, p50", percentile(took_ms, 50), "ms"),
            single("fdatasync, p99", percentile(took_ms, 99), "ms"),
            single("fdatasync, the longest", took_ms[-1], "ms"),
            single("stalls a minute", stalls * 60 / duration_s),
        )
    )


def _sync_again_and_again(path: Path, duration_s: float) -> list[float]:
    took_ms = []
    with path.open("wb", buffering=0) as output:
        output.write(bytes(_FILE_SIZE_BYTES))
        os.fdatasync(output)
        until = time.perf_counter() + duration_s
        place = 0
        while time.perf_counter() < until:
            began = time.perf_counter()
            os.pwrite(output.fileno(), _WRITE, place)
            os.fdatasync(output)
            took_ms.append((time.perf_counter() - began) * 1000)
            place = (place + len(_WRITE)) % (_FILE_SIZE_BYTES - len(_WRITE))
            time.sleep(_PAUSE_S)
    return took_ms
