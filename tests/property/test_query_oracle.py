"""The index and a plain scan of the records find exactly the same, whatever is recorded and asked."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.audit.asked import prepare
from components.audit.index.index import Index
from components.audit.index.logs import SEARCHED
from components.audit.index.pages import Order, Page, find_page, read_places
from components.audit.query import tree
from tests.support.drawn_queries import COUNT, nodes, terms, words_of
from tests.support.query_corpus import WORDS, Corpus, as_logs, make_corpus, open_corpus
from tests.support.query_oracle import Oracle
from tests.support.rounds import mostly_slow

SEEDS = range(4)
STACK = ExitStack()


@pytest.fixture(scope="module", autouse=True)
def all_is_closed() -> Iterator[None]:
    yield
    STACK.close()


@cache
def opened(seed: int) -> tuple[Corpus, Index, Oracle]:
    """Index a corpus once."""
    folder = STACK.enter_context(TemporaryDirectory())
    corpus = make_corpus(seed, COUNT)
    index = STACK.enter_context(open_corpus(corpus, Path(folder) / "index.db"))
    return corpus, index, Oracle(corpus.records)


def check(seed: int, node: tree.Node, limit: int) -> None:
    corpus, index, oracle = opened(seed)
    asked = asyncio.run(prepare(node, index, as_logs(corpus)))
    times = {each.place: each.at_ns for each in oracle.scanned}
    expected = sorted(oracle.find(node), key=lambda place: (times[place], place))
    with index.look() as db:
        assert list(read_places(db, asked.where, SEARCHED)) == expected
    before, pages = "", list[int]()
    while True:
        page = find_page(index, asked.where, Page(limit, before, Order.OLDEST), SEARCHED)
        pages += page.places
        assert page.matched == len(expected)
        if not page.is_more:
            break
        before = f"gate/{page.places[-1]}"
    assert pages == expected


@pytest.mark.fuzz
@given(st.sampled_from(SEEDS), nodes, st.integers(5, 60))
def test_the_index_finds_what_a_plain_scan_finds(seed: int, node: tree.Node, limit: int) -> None:
    check(seed, node, limit)


@pytest.mark.fuzz
@given(st.sampled_from(SEEDS), terms)
def test_each_term_alone_does_so(seed: int, node: tree.Node) -> None:
    check(seed, node, 50)


@pytest.mark.parametrize("seed", mostly_slow(SEEDS))
@pytest.mark.parametrize("word", WORDS)
def test_each_word_of_each_language_is_found(seed: int, word: str) -> None:
    """Recall and precision of what people type: each word, alone, as a beginning, and near others."""
    _, _, oracle = opened(seed)
    node = words_of(word)
    holds = [
        each.place
        for each in oracle.scanned
        if f" {word} " in f" {each.reading.text} ".replace("\n", " ").replace(",", " ")
    ]
    assert set(holds) <= oracle.find(node)
    check(seed, node, 50)
