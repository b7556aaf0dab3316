"""Searches: how quickly the index is made, how large it is, and how soon it answers."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from components.archive.store.postgres_url import parse_postgres_url
from tests.bench.apart import run_apart
from tests.bench.archive_append import require_room
from tests.bench.bench import Bench
from tests.bench.errors import BenchError
from tests.bench.figures import Figure, Findings, Table, at_least, at_most, percentile, single
from tests.bench.search_live import PACE, append_steadily, find_lags, follow
from tests.bench.search_made import write_log
from tests.bench.search_run import Asked, Indexed, ask, ask_plain, index_log, index_plain
from tests.bench.usage import OTHER_CORE, SERVER_CORE
from tests.support.postgres import run_postgres

_EACH = 20


async def measure(bench: Bench) -> Findings:
    """How the auditors' index answers over a million messages: made-up ones of 8 words or so, one in twenty Chinese.

    Five hundred people of two enterprises write to a few others each; one message in fifty is refused by a rule. The
    index is made from the log with the auditor's key, on all cores: records are opened, parsed and folded, and written
    encrypted. Its size includes what conversations, marks and ids of messages need. Then it is asked twenty questions
    of each shape, each once before it is timed: *first page* is the newest fifty places, *with the count* that and how
    many match in all. The records themselves, which a search reads from the log, and the digest of all ids are not in
    it.

    Beside it, FTS5 of Python's own SQLite gets the same texts, in the clear, unfolded and kept, and nothing else of a
    message, and is asked what it can be asked: the limit.

    *Until it can be found*: one process appends 2,000 messages a second, the other follows the log as the indexer does.
    """
    return await _measure(bench, bench.pick(1_000_000, 30_000))


async def measure_large(bench: Bench) -> Findings:
    """The same (see "Searches") over ten million messages.

    A letter and whatever follows (`c*`) is the slowest there: FTS5 puts together the lists of all words that begin so
    before the first is read, so the first page takes as long as there are matches. An index of first letters would mend
    it, and make the index a quarter larger (docs/decisions/0364).
    """
    return await _measure(bench, bench.pick(10_000_000, 60_000))


async def measure_postgres(bench: Bench) -> Findings:
    """The index of the same messages in PostgreSQL (docs/decisions/0224-*), beside one in a file.

    The server is the bench's own: fsync is on, 64 MB of shared buffers, tables analysed before it is asked. Its
    processor time is not in that of a second of one core.
    """
    folder, records = bench.new_folder(), bench.pick(200_000, 20_000)
    require_room(folder, records)
    log, index = folder / "log.db", folder / "index.db"
    bench.announce(f"recording {records:,} messages")
    await run_apart(write_log, log, records)
    bench.announce("indexing them in a file, and asking")
    in_file = await run_apart(index_log, log, index, records)
    asked_file = await run_apart(ask, index, records, _EACH)
    try:
        with run_postgres() as server:
            url = parse_postgres_url(f"{server.make_database()}#index")
            bench.announce("indexing them in PostgreSQL, and asking")
            indexed = await run_apart(index_log, log, url, records)
            server.execute("ANALYZE", url.dsn.rpartition("/")[2])
            asked = await run_apart(ask, url, records, _EACH)
    except FileNotFoundError as error:
        raise BenchError(
            f"{error.filename} is missing: PostgreSQL comes with apt-get install postgresql"
        ) from error
    return Findings(
        (
            *_store_figures("PostgreSQL", indexed, asked),
            *_store_figures("a file", in_file, asked_file),
        ),
        (_table("The index in PostgreSQL", asked), _table("The index in a file", asked_file)),
    )


def _store_figures(store: str, indexed: Indexed, asked: Sequence[Asked]) -> tuple[Figure, ...]:
    page = max(percentile(each.page_ms, 95) for each in asked)
    whole = max(percentile(each.whole_ms, 95) for each in asked)
    return (
        single(f"indexed in {store}, with opening", indexed.rate, "records/s"),
        single(f"size in {store} for a message", indexed.size_bytes, "bytes"),
        single(f"first page in {store}, p95 of the slowest shape", page, "ms"),
        single(f"with the count in {store}, p95 of the slowest shape", whole, "ms"),
    )


async def _measure(bench: Bench, records: int) -> Findings:
    folder = bench.new_folder()
    require_room(folder, records)
    log, index, plain = folder / "log.db", folder / "index.db", folder / "plain.db"
    bench.announce(f"recording {records:,} messages")
    await run_apart(write_log, log, records)
    bench.announce("indexing them")
    indexed = await run_apart(index_log, log, index, records)
    bench.announce("asking")
    asked = await run_apart(ask, index, records, _EACH)
    bench.announce("plain FTS5")
    indexed_plain = await run_apart(index_plain, plain, records)
    asked_plain = await run_apart(ask_plain, plain, records, _EACH)
    bench.announce("new messages")
    lags = await _find_lags(bench.new_folder(), bench.pick(30.0, 3.0))
    for path in (log, index, plain):
        path.unlink()
    return Findings(
        (*_index_figures(indexed, indexed_plain), *_question_figures(asked), *_lag_figures(lags)),
        (_table("The index", asked), _table("Plain FTS5 over the same texts", asked_plain)),
    )


async def _find_lags(folder: Path, for_s: float) -> list[float]:
    log, index = folder / "log.db", folder / "index.db"
    await run_apart(write_log, log, 1000)
    appended, followed = await asyncio.gather(
        run_apart(append_steadily, log, for_s, core=SERVER_CORE),
        run_apart(follow, log, index, for_s, core=OTHER_CORE),
    )
    return find_lags(appended, followed)


def _index_figures(indexed: Indexed, plain: Indexed) -> tuple[Figure, ...]:
    return (
        single("indexed, with opening", indexed.rate, "records/s", at_least(10_000)),
        single("indexed in a second of one core", indexed.core_rate, "records/s"),
        single("plain FTS5, texts only", plain.rate, "records/s"),
        single("size of the index for a message", indexed.size_bytes, "bytes", at_most(80)),
        single("size of plain FTS5 for a message", plain.size_bytes, "bytes"),
    )


def _question_figures(asked: Sequence[Asked]) -> tuple[Figure, ...]:
    page = max(percentile(each.page_ms, 95) for each in asked)
    whole = max(percentile(each.whole_ms, 95) for each in asked)
    return (
        single("first page, p95 of the slowest shape", page, "ms", at_most(50)),
        single("with the count, p95 of the slowest shape", whole, "ms", at_most(100)),
    )


def _lag_figures(lags: Sequence[float]) -> tuple[Figure, ...]:
    return (
        single(f"until it can be found at {PACE:,} messages/s, p50", percentile(lags, 50) * 1000, "ms"),
        single(
            f"until it can be found at {PACE:,} messages/s, p99",
            percentile(lags, 99) * 1000,
            "ms",
            at_most(1000),
        ),
    )


def _table(title: str, asked: Sequence[Asked]) -> Table:
    header = ("question", "matches", "first page p50, ms", "p95", "with the count p50, ms", "p95")
    return Table(title, header, tuple(_row(each) for each in asked))


def _row(asked: Asked) -> tuple[str, ...]:
    times = (percentile(each, percent) for each in (asked.page_ms, asked.whole_ms) for percent in (50, 95))
    return (asked.shape, f"{asked.matched:,}", *(f"{each:.2f}" for each in times))
