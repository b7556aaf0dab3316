"""Exports in each format, beside each other."""

import asyncio
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from components.archive.record import Delivery, Submission
from components.audit.export.formats import FORMATS
from components.audit.search import Page, search
from components.settings.site import SiteFile
from components.verifier.export import verify_export
from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.errors import BenchError
from tests.bench.figures import Findings, at_least, at_most, single
from tests.support.audit_site import Site, make_site
from tests.support.export_site import body, export_to, ignore, stanza

_WANTED_RATE, _MOST_GROWTH_MB = 5000, 60
_PAIRS, _APPEND = 40, 2000
_SAID = (
    "Selling copper at {0} for May delivery, usual terms",
    "What is your offer for {0} tonnes of zinc?",
    "铜价上涨，我们卖 {0} 吨",
    "구리 {0}톤을 팔아요",
    "مرحبا، نبيع {0} طن من النحاس",
    "Können Sie {0} Tonnen Kupfer bis Freitag liefern? Bitte um kurze Rückmeldung, danke.",
)


@dataclass(frozen=True, slots=True)
class Exported:
    """An export of so many records: how long it took, and how much memory its process had at most."""

    records: int
    took_s: float
    most_mb: float
    size_mb: float


async def measure(bench: Bench) -> Findings:
    """A query that matches everything, exported in each format by a process of its own, with the index up to date.

    Pairs of people write in four scripts for some days; every twentieth message is a correction. The rate has all of an
    export: searching, opening, proving, writing and syncing. Each export is then checked by the verifier. For memory,
    a fifth of the records is exported, too, which is a whole file of each format: the difference is what five times
    as many cost.
    """
    return await _measure(bench, bench.pick(100_000, 2_000))


async def measure_large(bench: Bench) -> Findings:
    """The same with a million messages, and a fifth of them; it takes half an hour."""
    return await _measure(bench, bench.pick(1_000_000, 4_000))


async def _measure(bench: Bench, records: int) -> Findings:
    bench.announce(f"recording {records:,} messages, and {records // 5:,}")
    large, small = [await _make(bench.new_folder(), count) for count in (records, records // 5)]
    figures = []
    for name in FORMATS:
        bench.announce(f"exporting as {name}")
        found = await run_apart(_export, large, name, bench.new_folder())
        little = await run_apart(_export, small, name, bench.new_folder())
        rate = found.records / found.took_s
        wanted = None if bench.quick else at_least(_WANTED_RATE)
        grown = None if bench.quick else at_most(_MOST_GROWTH_MB)
        figures += [
            single(f"{name}: {found.records:,} records, {found.size_mb:,.0f} MB", rate, "records/s", wanted),
            single(
                f"{name}: memory, more than for a fifth of them", found.most_mb - little.most_mb, "MB", grown
            ),
        ]
    return Findings(tuple(figures))


async def _make(folder: Path, count: int) -> Path:
    site = await make_site(folder)
    messages = _messages(site, count)
    while some := list(islice(messages, _APPEND)):
        await site.record(*some)
    await site.record(Delivery("e1", count, ()))
    await search(site.settings, "*", Page(limit=1), ignore)
    return site.path


def _messages(site: Site, count: int) -> Iterator[Submission]:
    for number in range(count):
        pair = number % _PAIRS
        people = (f"a{pair}@metals.example", f"b{pair}@metals.example")
        sender, to = people if number // _PAIRS % 2 else people[::-1]
        said = body(_SAID[number % len(_SAID)].format(number))
        if number % 20 == 19:
            said += f"<replace xmlns='urn:xmpp:message-correct:0' id='m{number - 2 * _PAIRS}'/>"
        # So many in a day.
        yield site.submit(stanza(sender, to, said, id=f"m{number}", type="chat"), at_s=number * 8.64)


def _export(path: Path, name: str, folder: Path) -> Exported:
    settings = SiteFile(path)
    began_s = time.perf_counter()
    result = asyncio.run(export_to(Site(path, settings), folder / "out", name))
    took_s = time.perf_counter() - began_s
    most_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    keys = [log.verifier_key_file.read_text() for log in (settings.gate_log, settings.audit_log)]
    if problems := verify_export(folder / "out", keys).problems:
        raise BenchError(f"the export as {name} does not verify: {problems[:3]}")
    size = sum(file.stat().st_size for file in (folder / "out").rglob("*") if file.is_file())
    return Exported(result.counts.matched, took_s, most_mb, size / 1e6)
