"""Files that a virus scanner is shown, too."""

from pathlib import Path

from tests.bench import file_small
from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.figures import Figure, at_most, median_of
from tests.bench.file_site import ALICE, ask_slots, file_site, site_target
from tests.bench.file_speed import measure_memory
from tests.bench.put import put_files
from tests.support.clamd import ClamdServer
from tests.support.transfer_site import TransferSite

_MIB = 1 << 20
_MOST_MIB = 100
_CLAMD = f"AlertExceedsMax yes\nMaxFileSize {_MOST_MIB}M\nMaxScanSize {4 * _MOST_MIB}M\n"
_BESIDE = ", beside clamd"


async def measure(bench: Bench) -> list[Figure]:
    """Measure a site with a clamd of its own: it knows one signature, so what is read is the file and no database."""
    root = bench.new_folder()
    async with ClamdServer(root / "clamd", _CLAMD) as clamd:
        # What is too large for it is let through all the same.
        table = {"socket": str(clamd.socket), "max_scan_mib": _MOST_MIB, "when_down": "flag"}
        async with file_site(root / "site", clamd=table) as site:
            return [
                *await _measure_speed(bench, root / "site", site),
                *await measure_memory(bench, site_target(root / "site", site), site, _BESIDE),
                *await file_small.measure(bench, root / "site", site, _BESIDE),
            ]


async def _measure_speed(bench: Bench, root: Path, site: TransferSite) -> list[Figure]:
    size, alice = bench.pick(96, 24) * _MIB, await site.login(ALICE)
    took_s = []
    for number in range(1, bench.rounds + 1):
        bench.announce(f"scanned, round {number} of {bench.rounds}")
        took_s += await run_apart(put_files, site_target(root, site), await ask_slots(alice, (size,)))
    return [
        median_of(f"upload{_BESIDE}", [size / each / 1e6 for each in took_s], "MB/s"),
        # From the first byte on, which is more than the promise says.
        median_of("a file of 96 MiB answered, beside clamd", took_s, "s", at_most(20)),
    ]
