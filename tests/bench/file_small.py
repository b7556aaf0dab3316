"""Many small files."""

import time
from pathlib import Path

from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.figures import Figure, at_least, median_of
from tests.bench.file_site import ALICE, ask_slots, site_target
from tests.bench.put import put_files
from tests.support.transfer_site import TransferSite

_SIZE_BYTES = 20_000
_A_TURN = 100


async def measure(bench: Bench, root: Path, site: TransferSite, more: str = "") -> list[Figure]:
    """Measure how many files of 20 kB a minute one client puts, each with its slot; `more` as of the other figures."""
    target = site_target(root, site)
    alice = await site.login(ALICE)
    rates = []
    for number in range(1, bench.rounds + 1):
        bench.announce(f"small files{more}, round {number} of {bench.rounds}")
        began_s = time.perf_counter()
        count = bench.pick(1000, _A_TURN)
        for _ in range(count // _A_TURN):
            await run_apart(put_files, target, await ask_slots(alice, (_SIZE_BYTES,) * _A_TURN))
        rates.append(count / (time.perf_counter() - began_s) * 60)
    return [median_of(f"files of 20 kB, with their slots{more}", rates, "a minute", at_least(1000))]
