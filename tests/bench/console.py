"""The console's pages over a large log: how long an auditor waits for each."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import uvloop

from components.archive.record import Delivery, Submission
from components.settings.site import SiteFile
from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.errors import BenchError
from tests.bench.figures import Findings, Table, at_most, percentile, single
from tests.bench.search_made import make_submissions, make_words
from tests.support.audit_site import Site
from tests.support.console_site import Visitor, make_console_site, open_console

_APPEND = 2000
_DAYS_NS = 29 * 86_400 * 10**9
_WANTED_P95_MS = 150
_EPOCH = "9f2c1a7b"


@dataclass(frozen=True, slots=True)
class Timed:
    """How long a page took, each time it was asked for, in ms, ascending."""

    page: str
    took_ms: tuple[float, ...]


async def measure(bench: Bench) -> Findings:
    """Each page of the console, asked for again and again over one connection, by an auditor of the whole site.

    A site of one log with 200,000 messages of the last 29 days, one in fifty flagged by a rule. Each request is a look
    of its own: it brings the index up to date, asks it, opens the records that it shows, and is recorded durably before
    the page is sent. Searches ask for another word each time. The auditor and the console share one process here.
    """
    records, each = bench.pick((200_000, 60), (2_000, 3))
    folder = bench.new_folder()
    bench.announce(f"recording {records:,} messages")
    await run_apart(make, folder, records)
    bench.announce("asking for pages")
    timed = await run_apart(ask, folder, each)
    wanted = None if bench.quick else at_most(_WANTED_P95_MS)
    figures = tuple(
        single(f"{found.page}, p95", percentile(found.took_ms, 95), "ms", wanted) for found in timed
    )
    rows = tuple(
        (found.page, *(f"{percentile(found.took_ms, percent):.1f}" for percent in (50, 95)))
        for found in timed
    )
    return Findings(figures, (Table("Pages", ("page", "p50, ms", "p95"), rows),))


def make(folder: Path, records: int) -> None:
    """Make a site with a console and so many messages."""
    uvloop.run(_make(folder, records))


async def _make(folder: Path, records: int) -> None:
    site = await make_console_site(folder)
    messages = _spread(records)
    while some := list(islice(messages, _APPEND)):
        await site.record(*some, Delivery(_EPOCH, some[-1].seq, ()))


def _spread(records: int) -> Iterator[Submission]:
    begin_ns = time.time_ns() - _DAYS_NS
    for number, submission in enumerate(make_submissions(records)):
        yield submission._replace(received_at_ns=begin_ns + _DAYS_NS * number // records)


def ask(folder: Path, each: int) -> list[Timed]:
    """Ask for each page so many times."""
    return uvloop.run(_ask(folder, each))


async def _ask(folder: Path, each: int) -> list[Timed]:
    words = make_words()
    path = folder / "site.toml"
    site = Site(path, SiteFile(path))
    pages: dict[str, Sequence[str]] = {
        "search, a common word": [f"/search?q={words[number % 20]}" for number in range(each)],
        "search, a rare word": [f"/search?q={words[5000 + 97 * number]}" for number in range(each)],
        "search, everything": ["/search?q=*"] * each,
        "record": [f"/record/gate/{1000 + 17 * number}" for number in range(each)],
        "conversation": [f"/conversation/gate/{1000 + 17 * number}" for number in range(each)],
        "overview": ["/overview"] * each,
        "review": ["/review"] * each,
        "matters": ["/matters"] * each,
        "exports": ["/exports"] * each,
        "account": ["/account"] * each,
    }
    async with open_console(site, time.time) as visitor:
        await visitor.log_in("anna")
        return [await _time(visitor, page, paths) for page, paths in pages.items()]


async def _time(visitor: Visitor, page: str, paths: Sequence[str]) -> Timed:
    await visitor.get(paths[0])
    took_ms = []
    for path in paths:
        began_s = time.perf_counter()
        status, text = await visitor.get(path)
        took_ms.append((time.perf_counter() - began_s) * 1000)
        if status != 200:
            raise BenchError(f"{path} is answered with {status}: {text[-300:]}")
    return Timed(page, tuple(sorted(took_ms)))
