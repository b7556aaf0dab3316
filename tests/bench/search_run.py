"""Indexes a log and asks it questions, each in a process of its own."""

import os
import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import uvloop

from components.archive.opener import RecordOpener
from components.archive.reader import LogReader
from components.audit.index.facets import Dimension
from components.audit.index.index import Index, IndexPlace
from components.audit.index.logs import SEARCHED
from components.audit.index.open_postgres import count_bytes
from components.audit.index.stream import stream
from components.audit.query.compile import Where, compile_query
from components.audit.query.parser import parse_query
from tests.bench.search_made import BEGIN_NS, PEOPLE, SEED, fill_plain, make_words
from tests.support.archive import AUDITOR, ORIGIN

KEY = bytes(range(32))
_PAGE = 50
_FACETS = "facets: person by day"


@dataclass(frozen=True, slots=True)
class Indexed:
    """How many records were indexed a second, and the size of the index for each of them.

    `core_rate` is how many in a second of processor time, of all processes together.
    """

    rate: float
    size_bytes: float
    core_rate: float


@dataclass(frozen=True, slots=True)
class Asked:
    """How long a question of one shape took, in ms, ascending: to the first page, and with how many match in all."""

    shape: str
    page_ms: tuple[float, ...]
    whole_ms: tuple[float, ...]
    matched: int


def index_log(log: Path, index: IndexPlace, records: int) -> Indexed:
    """Index a whole log with the auditor's key, on all cores; encrypted, if it is in a file."""
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    return _time_indexing(lambda: uvloop.run(_index_log(log, index)), index, records)


def _time_indexing(fill: Callable[[], None], index: IndexPlace, records: int) -> Indexed:
    began_s, began = time.perf_counter(), os.times()
    fill()
    took_s, ended = time.perf_counter() - began_s, os.times()
    used_s = sum(ended[:4]) - sum(began[:4])
    size_bytes = index.stat().st_size if isinstance(index, Path) else count_bytes(index)
    return Indexed(records / took_s, size_bytes / records, records / used_s)


async def _index_log(log: Path, index: IndexPlace) -> None:
    reader = await LogReader.open(log)
    try:
        with Index(index, key=KEY) as opened:
            await opened.catch_up(RecordOpener(reader, ORIGIN, [AUDITOR]), name="gate")
    finally:
        await reader.close()


def index_plain(path: Path, records: int) -> Indexed:
    """Fill plain FTS5 with the same texts, which it gets in the clear."""
    return _time_indexing(lambda: fill_plain(path, records), path, records)


def make_questions(records: int, each: int) -> dict[str, list[str]]:
    """Make questions of each shape."""
    chance = random.Random(SEED)
    words = make_words()
    day_ns = 86_400 * 10**9
    days = max(1, records * 2 // 86_400)

    def moment(day: float) -> str:
        at_s = (BEGIN_NS + int(day * day_ns)) // 10**9
        return time.strftime("%Y-%m-%dT%H:%M", time.gmtime(at_s))

    def span() -> str:
        begin = chance.uniform(0, days)
        return f"after:{moment(begin)} before:{moment(begin + min(7, days / 4))}"

    def person() -> str:
        return f"p{chance.randrange(PEOPLE)}"

    shapes: dict[str, Callable[[], str]] = {
        "a common word": lambda: words[chance.randrange(20)],
        "a rare word": lambda: words[chance.randrange(5000, 30_000)],
        "two words": lambda: f"{words[chance.randrange(50)]} {words[chance.randrange(500)]}",
        "either of two words": lambda: f"{words[chance.randrange(100)]} OR {words[chance.randrange(1000)]}",
        "a phrase": lambda: f'"{words[chance.randrange(20)]} {words[chance.randrange(20)]}"',
        "a letter and whatever follows": lambda: f"{chance.choice('etaoinshr')}*",
        "an id": lambda: f"id:m{chance.randrange(records)}",
        "a prefix": lambda: f"{words[chance.randrange(2000, 9000)][:4]}*",
        "two Chinese characters": lambda: "".join(chance.sample("铜价上涨买入卖出明天市场交易", 2)),
        "a word of a person": lambda: f"{words[chance.randrange(50)]} from:{person()}",
        "a person": lambda: f"with:{person()}",
        "a week": span,
        "a word in a week": lambda: f"{words[chance.randrange(50)]} {span()}",
        "what a rule refused of a person": lambda: f"rule:lexicon-1 verdict:refused from:{person()}",
        "everything": lambda: "*",
        _FACETS: lambda: "*",
    }
    return {shape: [make() for _ in range(each)] for shape, make in shapes.items()}


def ask(index: IndexPlace, records: int, each: int) -> list[Asked]:
    """Ask the index, each question once before it is measured."""
    with Index(index, key=KEY) as opened:
        return [_ask(opened, shape, asked) for shape, asked in make_questions(records, each).items()]


def _ask(index: Index, shape: str, queries: Sequence[str]) -> Asked:
    page_ms, whole_ms, matched = [], [], 0
    for query in queries:
        where = compile_query(parse_query(query, BEGIN_NS))

        def page(where: Where = where) -> int:
            with index.look() as db:
                return len(list(islice(stream(db, where, SEARCHED, newest_first=True), _PAGE)))

        def whole(where: Where = where) -> int:
            if shape == _FACETS:
                return len(index.count_by((Dimension.PERSON, Dimension.DAY)))
            page()
            return index.count(where)

        matched += whole()
        page_ms.append(_time_ms(page))
        whole_ms.append(_time_ms(whole))
    return Asked(shape, tuple(sorted(page_ms)), tuple(sorted(whole_ms)), matched // len(queries))


def ask_plain(path: Path, records: int, each: int) -> list[Asked]:
    """Ask plain FTS5 what it can be asked: words, phrases and prefixes."""
    found = []
    questions = make_questions(records, each)
    with closing(sqlite3.connect(path)) as database:
        for shape in ("a common word", "a rare word", "two words", "a phrase", "a prefix"):
            page_ms, whole_ms, matched = [], [], 0
            for query in questions[shape]:

                def page(query: str = query) -> int:
                    sql = "SELECT rowid FROM message WHERE message MATCH ? ORDER BY rowid DESC LIMIT ?"
                    return len(database.execute(sql, (query, _PAGE)).fetchall())

                def whole(query: str = query, page: Callable[[], int] = page) -> int:
                    page()
                    sql = "SELECT count(*) FROM message WHERE message MATCH ?"
                    return int(database.execute(sql, (query,)).fetchone()[0])

                matched += whole()
                page_ms.append(_time_ms(page))
                whole_ms.append(_time_ms(whole))
            found.append(Asked(shape, tuple(sorted(page_ms)), tuple(sorted(whole_ms)), matched // each))
    return found


def _time_ms(run: Callable[[], int]) -> float:
    began_s = time.perf_counter()
    run()
    return (time.perf_counter() - began_s) * 1000
