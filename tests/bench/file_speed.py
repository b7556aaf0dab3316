"""Large files: speed beside a plain server, and memory."""

import re
from collections import defaultdict
from pathlib import Path

from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.figures import Figure, at_least, at_most, median_of, ratio_of_medians, single
from tests.bench.file_site import ALICE, PlainServer, ask_slots, site_target
from tests.bench.put import HttpTarget, Put, put_files
from tests.bench.usage import SERVER_CORE, pin
from tests.support.transfer_site import TransferSite

_MIB = 1 << 20
_OURS, _PLAIN = "Steelyard", "plain aiohttp"


async def measure(bench: Bench, root: Path, site: TransferSite) -> list[Figure]:
    """Measure uploads of a large file in turns with a plain server's, then the memory that one of 2 GB takes."""
    size = bench.pick(256, 64) * _MIB
    target = site_target(root, site)
    alice = await site.login(ALICE)
    speeds: defaultdict[str, list[float]] = defaultdict(list)
    certificate = root / "certs" / f"{target.host}.crt"
    async with PlainServer(root / "plain", str(certificate)) as plain:
        pin(plain.pid, SERVER_CORE)
        there = HttpTarget(plain.port, target.host, target.authority)
        for number in range(bench.rounds + 1):
            bench.announce(f"speed, round {number} of {bench.rounds}")
            (ours,) = await run_apart(put_files, target, await ask_slots(alice, (size,)))
            (theirs,) = await run_apart(put_files, there, [Put(f"/f/{number}", {}, size)])
            (root / "plain" / str(number)).unlink()
            if number:  # before that, caches fill
                speeds[_OURS].append(size / ours / 1e6)
                speeds[_PLAIN].append(size / theirs / 1e6)
    ours_mb_s, plain_mb_s = speeds[_OURS], speeds[_PLAIN]
    return [
        median_of(f"upload, {_PLAIN}", plain_mb_s, "MB/s"),
        median_of(f"upload, {_OURS}", ours_mb_s, "MB/s", at_least(250)),
        ratio_of_medians(f"upload, {_OURS} / {_PLAIN}", ours_mb_s, plain_mb_s, at_least(0.6)),
        *await measure_memory(bench, target, site),
    ]


async def measure_memory(
    bench: Bench, target: HttpTarget, site: TransferSite, more: str = ""
) -> list[Figure]:
    """Measure the memory that a file of 2 GB takes; `more` says of the figures what is otherwise than usual."""
    bench.announce(f"memory{more}")
    status = Path(f"/proc/{site.transfer.pid}/status")
    # The peak counts from here on (proc(5)).
    status.with_name("clear_refs").write_text("5")
    before_mb = _read_mb(status, "VmRSS")
    size = bench.pick(2_000_000_000, 100_000_000)
    await run_apart(put_files, target, await ask_slots(await site.login(ALICE), (size,)))
    peak_mb = _read_mb(status, "VmHWM")
    return [
        single(f"memory, peak with a file of 2 GB{more}", peak_mb, "MB", at_most(100)),
        single(f"memory, growth with a file of 2 GB{more}", max(0.0, peak_mb - before_mb), "MB"),
    ]


def _read_mb(status: Path, name: str) -> float:
    found = re.search(rf"^{name}:\s+(\d+) kB", status.read_text(), re.MULTILINE)
    assert found is not None, f"{status} has no {name}"
    return int(found[1]) * 1024 / 1e6
