"""However large a query is, it is answered with work that is bounded, or refused with what to do (0309)."""

import asyncio
from collections.abc import Iterator

import pytest

from components.audit import asked
from components.audit.asked import Asked, prepare
from components.audit.index.index import Index
from components.audit.index.logs import SEARCHED
from components.audit.index.pages import Page, find_page
from components.audit.query.limits import MAX_PATTERNS, MAX_SIMILAR, MAX_SPELLINGS_ASKED
from components.audit.query.matching import count_sought, match_words, whole_words
from components.audit.query.parser import parse_query
from components.audit.query.tree import Near, Node, Words
from components.audit.query.words import looks_of
from components.process.errors import SiteError
from policy.content.korean import PARTICLES
from tests.support.drawn_queries import COUNT
from tests.support.large_queries import KOREAN, LARGE, LATIN
from tests.support.one_text import search_finds
from tests.support.query_corpus import Corpus, as_logs, make_corpus, open_corpus
from tests.support.query_oracle import Oracle

# What FTS5 gets to look for is six times what it looks for in one table.
MOST_CHARACTERS = 2_000_000


class Opened:
    """A corpus, its index, and the plain scan."""

    def __init__(self, corpus: Corpus, index: Index) -> None:
        self.index = index
        self.logs = as_logs(corpus)
        self.oracle = Oracle(corpus.records)

    def ask(self, node: Node) -> Asked:
        return asyncio.run(prepare(node, self.index, self.logs))

    def count(self, query: str) -> int:
        return find_page(self.index, self.ask(parse_query(query, 0)).where, Page(5), SEARCHED).matched


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    corpus = make_corpus(0, COUNT)
    with open_corpus(corpus, tmp_path_factory.mktemp("index") / "index.db") as index:
        yield Opened(corpus, index)


@pytest.mark.slow
@pytest.mark.parametrize("query", LARGE.values(), ids=LARGE)
def test_a_large_query_finds_what_a_plain_scan_finds(opened: Opened, query: str) -> None:
    node = parse_query(query, 0)
    where = opened.ask(node).where
    assert sum(len(each) for each in where.parameters if isinstance(each, str)) < MOST_CHARACTERS
    found = find_page(opened.index, where, Page(COUNT), SEARCHED)
    assert set(found.places) == opened.oracle.find(node)
    assert 0 < found.matched < COUNT


def text_of(count: int, words: tuple[str, ...] = LATIN) -> str:
    return " ".join(f"{words[number % len(words)]}{number}" for number in range(count))


@pytest.mark.parametrize("count", [2, 24, 25, 600])
def test_a_pasted_text_is_found_where_it_stands(count: int) -> None:
    text = text_of(count)
    assert search_finds(f'"{text}"', f"so: {text}, yes", text.replace("copper0", "copper"), text) == [0, 2]


def test_a_blank_may_be_left_out_of_phrases_that_somebody_disguises() -> None:
    for count, found in ((2, [0, 1]), (24, [0, 1]), (25, [])):
        text = text_of(count)
        assert search_finds(f'"{text}"', text.replace(" ", "", 1), text.replace(" ", "")) == found


@pytest.mark.parametrize("words", [LATIN, KOREAN])
def test_the_work_for_a_phrase_grows_with_its_length(words: tuple[str, ...]) -> None:
    """Not with its square, nor with the number of endings, once those that are in no text are left out."""
    for count in (100, 200, 400):
        phrase = Words(tuple(words[number % len(words)] for number in range(count)))
        missing = frozenset(f"{phrase.words[-1]}{ending}" for ending in PARTICLES if ending)
        assert count <= count_sought(phrase, missing) <= 20 * count


def test_what_is_sought_is_counted_as_it_is_written() -> None:
    for phrase in (
        Words(("copper",)),
        Words(("off", "the", "books")),
        Words(("내부자", "거래")),
        Words(("tin",), True),
    ):
        written = match_words(phrase).replace("{text look}", "").split('"')[1::2]
        assert sum(len(each.removesuffix(" *").split()) for each in written) == count_sought(phrase)
    one, other = Words(("off", "the", "books")), Words(("tin",), True)
    counts = [len([one.words, *sum(looks_of(one.words), ())]), len([("tin",), *sum(looks_of(("tin",)), ())])]
    both = Near((one,), (other,), 5)
    assert count_sought(both) == count_sought(one) * counts[1] + count_sought(other) * counts[0]


def test_phrases_with_a_word_that_is_in_no_text_are_not_looked_for() -> None:
    phrase = Words(("off", "the", "books"))
    for absent, sought, left_out in (
        ((), ("off the books", "offthe books", "off thebooks"), ()),
        (("offthe",), ("off the books", "off thebooks"), ("offthe books",)),
        (("the",), ("offthe books", "off thebooks"), ("off the books",)),
        (("books", "thebooks"), ("offthebooks",), ("off the books", "offthe books", "off thebooks")),
    ):
        match = match_words(phrase, frozenset(absent))
        assert all(f'"{each}"' in match for each in sought)
        assert not any(f'"{each}"' in match for each in left_out)
    assert match_words(Words(("copper",)), frozenset({"copper"})).count('"copper"') == 0
    assert '"copper *"' not in match_words(Words(("copper",), prefix=True), frozenset({"copper"}))
    assert '"copper" *' in match_words(Words(("copper",), prefix=True), frozenset({"copper"}))


def test_whole_words_are_those_that_a_text_has() -> None:
    words = whole_words(Words(("off", "the", "books")))
    assert {"off", "the", "books", "offthe", "thebooks"} <= words.keys()
    assert set(words.values()) == {("",)}
    assert whole_words(Words(("cop",), prefix=True)).get("cop") is None
    assert len(whole_words(Words(("내부자",)))["내부자"]) > 400
    assert {"tin", "off"} <= whole_words(Near((Words(("tin",)),), (Words(("off",)),), 3)).keys()


@pytest.mark.slow
def test_words_are_absent_only_if_they_are_in_no_text(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the list of words is asked or not, the same is found: of words, their endings, and very long ones."""
    queries = ['"copper price"', "구리", "내부자", '"내부자 거래"', "내부*", "x" * 600, "구리 w/5 copper"]
    few = [opened.count(query) for query in queries]
    monkeypatch.setattr(asked, "_FEW_SOUGHT", 0)
    assert [opened.count(query) for query in queries] == few
    assert any(few)


def test_far_too_many_words_are_refused_with_what_to_do(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "MAX_SOUGHT", 20)
    assert opened.count("copper") > 0
    with pytest.raises(SiteError, match=r"words to look for.*at most 20.*split the query"):
        opened.count(" ".join(["copper", "tin", "price", "insider"]))


@pytest.mark.parametrize(
    ("term", "most", "what"),
    [
        ("copper~", MAX_SPELLINGS_ASKED, "near spellings"),
        ("/cop+er/", MAX_PATTERNS, "regular expressions"),
        ("similar:gate/1", MAX_SIMILAR, "pictures"),
    ],
)
def test_what_goes_through_everything_is_asked_a_few_times_at_once(term: str, most: int, what: str) -> None:
    parse_query(" OR ".join([term] * most), 0)
    text = " OR ".join([term] * (most + 1))
    with pytest.raises(ValueError, match=rf"at most {most} {what}.*split it") as caught:
        parse_query(text, 0)
    assert vars(caught.value)["position"] == text.rindex(term)
