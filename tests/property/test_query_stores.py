"""SQLite, PostgreSQL and a plain scan of the records find exactly the same, and count it alike."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.archive.store.postgres_url import parse_postgres_url
from components.audit.asked import Asked, prepare
from components.audit.index.compare import find_differences
from components.audit.index.facets import Dimension
from components.audit.index.forget import forget
from components.audit.index.index import Index
from components.audit.index.logs import SEARCHED
from components.audit.index.pages import Order, Page, PageFound, find_page
from components.audit.index.purge import purge
from components.audit.index.talk import Turn
from components.audit.index.talk_find import (
    find_by_ids,
    find_conversations,
    find_last_turns,
    find_own,
    find_present,
    find_turns,
    has_joins,
)
from components.audit.query import tree
from components.audit.query.ids import IdRole
from components.audit.query.parser import parse_query
from tests.support.drawn_queries import COUNT, nodes, terms, words_of
from tests.support.large_queries import LARGE
from tests.support.postgres import PostgresServer
from tests.support.query_corpus import IDS, WORDS, Corpus, as_logs, make_corpus, open_corpus
from tests.support.query_oracle import Oracle

SEEDS = range(2)
# The index's own words, of routes and ids, are in FTS5's list alone; nobody looks for them there.
_ALL_WORDS = "SELECT term FROM {} WHERE term NOT LIKE ':%'"
_SOME = st.sampled_from(SEEDS)


class Both(NamedTuple):
    """A corpus, the same in an index of each store, and the plain scan."""

    corpus: Corpus
    sqlite: Index
    postgres: Index
    oracle: Oracle


@pytest.fixture(scope="module")
def both(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Both]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                open_both(seed, postgres_server.make_database(), tmp_path_factory.mktemp("index"))
            )
            for seed in SEEDS
        ]


@contextmanager
def open_both(seed: int, database: str, folder: Path) -> Iterator[Both]:
    corpus = make_corpus(seed, COUNT)
    schema = parse_postgres_url(f"{database}#index")
    with open_corpus(corpus, folder / "index.db") as sqlite, open_corpus(corpus, schema) as postgres:
        yield Both(corpus, sqlite, postgres, Oracle(corpus.records))


def look(corpus: Corpus, index: Index, node: tree.Node, page: Page) -> tuple[Asked, PageFound]:
    asked = asyncio.run(prepare(node, index, as_logs(corpus)))
    return asked, find_page(index, asked.where, page, SEARCHED)


def check(each: Both, node: tree.Node, page: Page) -> None:
    """Look in both stores: the same page, count and digest; and what the scan finds."""
    asked, found = look(each.corpus, each.postgres, node, page)
    other, there = look(each.corpus, each.sqlite, node, page)
    assert found == there
    assert (asked.widened, asked.examined, asked.is_cut) == (other.widened, other.examined, other.is_cut)
    times = {one.place: one.at_ns for one in each.oracle.scanned}
    expected = sorted(each.oracle.find(node), key=lambda place: (times[place], place))
    assert found.matched == len(expected)
    shown = expected[: page.limit] if page.order is Order.OLDEST else expected[-page.limit :]
    assert list(found.places) == shown


pages = st.builds(Page, st.integers(1, 60), order=st.sampled_from(Order))


@pytest.mark.fuzz
@settings(deadline=None)
@given(_SOME, nodes, pages)
def test_both_stores_find_what_a_plain_scan_finds(
    both: list[Both], seed: int, node: tree.Node, page: Page
) -> None:
    check(both[seed], node, page)


@pytest.mark.fuzz
@settings(deadline=None)
@given(_SOME, terms, pages)
def test_each_term_alone_does_so(both: list[Both], seed: int, node: tree.Node, page: Page) -> None:
    check(both[seed], node, page)


@pytest.mark.fuzz
@settings(deadline=None)
@given(_SOME, nodes, st.lists(st.sampled_from(Dimension), max_size=3, unique=True))
def test_both_stores_count_alike(both: list[Both], seed: int, node: tree.Node, by: list[Dimension]) -> None:
    each = both[seed]
    counted = []
    for index in (each.postgres, each.sqlite):
        asked = asyncio.run(prepare(node, index, as_logs(each.corpus)))
        at_once = index.count_each([by, [Dimension.RULE]], asked.where)
        counted.append(
            (index.count(asked.where), index.count_by(by, asked.where), index.count_by(by), at_once)
        )
        assert at_once == [index.count_by(each, asked.where) for each in (by, [Dimension.RULE])]
    assert counted[0] == counted[1]
    assert counted[0][0] == len(each.oracle.find(node))


@pytest.mark.parametrize("seed", SEEDS)
def test_both_read_the_same_conversations(both: list[Both], seed: int) -> None:
    sqlite, postgres = (_read_talk(index) for index in (both[seed].sqlite, both[seed].postgres))
    assert sqlite == postgres
    assert len(sqlite) > 10


def _read_talk(index: Index) -> dict[tuple[str, str], object]:
    """Return what each conversation has, by its parties."""
    found: dict[tuple[str, str], object] = {}
    everywhere = range(COUNT + 1)
    with index.look() as db:
        for number, *parties in db.execute("SELECT id, a, b FROM talk_with"):
            first, last = (
                [(place, turn) for place, turn, _ in find(db, [number], some, everywhere, 7)]
                for find in (find_turns, find_last_turns)
                for some in [[Turn.SAYS, Turn.CHANGES, Turn.MOVES]]
            )
            by_ids = [find_by_ids(db, IDS, role, [number], 5) for role in IdRole]
            present = [find_present(db, number, epoch, everywhere) for epoch in ("e1", "e2")]
            alike = sorted(find_conversations(db, [each for each in parties if each]).values())
            own = find_own(db, parties[0]) is not None
            found[parties[0], parties[1]] = (first, last, by_ids, present, alike, own, has_joins(db, number))
    return found


@pytest.mark.parametrize("query", LARGE.values(), ids=LARGE)
def test_large_queries_find_the_same_in_both(both: list[Both], query: str) -> None:
    check(both[0], parse_query(query, 0), Page(50))


@pytest.mark.parametrize("word", WORDS)
def test_each_word_of_each_language_is_found(both: list[Both], word: str) -> None:
    check(both[0], words_of(word), Page(50))


def test_both_have_the_same_rows_also_after_some_are_forgotten(
    postgres_database: str, tmp_path: Path
) -> None:
    with open_both(7, postgres_database, tmp_path) as both:
        assert compare(both) == []
        for index in (both.postgres, both.sqlite):
            with index.change() as db:
                forget(db, [place for place, _ in both.corpus.records[::3]])
            purge(index._db)
        assert compare(both) == []


def compare(both: Both) -> list[str]:
    """Return which rows differ between both stores, also the lists of words that spellings are looked up in."""
    with both.postgres.look() as one, both.sqlite.look() as other:
        found = [each.rows for each in find_differences(one, other)]
        words = [set(db.execute(_ALL_WORDS.format(db.name_vocabulary("word")))) for db in (one, other)]
    return found + ["words of texts"] * (words[0] != words[1])
