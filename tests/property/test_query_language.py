"""The query language against anything at all: it parses or says what is wrong, and types nothing into SQL."""

import re
import string
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from components.audit.index.logs import IndexedLog
from components.audit.index.plan import count, plan_all
from components.audit.index.spans import BLOCK_SHIFT
from components.audit.query.compile import Known, compile_query
from components.audit.query.error import QueryError
from components.audit.query.grammar import parse_by_grammar
from components.audit.query.limits import MAX_TERMS
from components.audit.query.parser import parse_query, read_plain
from components.audit.query.tree import (
    And,
    Bound,
    ById,
    ByRule,
    Everything,
    FileHash,
    FileName,
    FileSize,
    FileType,
    Group,
    HasFile,
    HasText,
    InThread,
    Is,
    Listed,
    Moment,
    Near,
    Node,
    Not,
    OfKind,
    Or,
    Party,
    Pattern,
    SearchKind,
    SeenBy,
    Side,
    SimilarTo,
    Span,
    Spelling,
    StanzaType,
    State,
    Verdict,
    Words,
    format_query,
    terms_of,
)
from components.audit.query.words import find_phrases, fold_words, spell_words, write_words
from policy.decision import Action
from tests.support.made_index import empty_index

NOW_NS = 1_795_464_245_000_000_000
LAST_US = 9_214_646_399_999_999  # 2261-12-31T23:59:59.999999Z

names = st.text(string.ascii_lowercase + string.digits + ".-_'=;\\%é金", min_size=1)
ids = st.text(string.ascii_letters + string.digits + "-_/.:é金", min_size=1)
spans = st.integers(0, LAST_US - 10**13).map(lambda at_us: at_us * 1000)
# Of a word that is spelled in several ways, a query has all of them.
words = (
    st.text()
    .map(lambda text: tuple(fold_words(text).split()))
    .filter(lambda found: spell_words(write_words(found)) == (found,))
)
terms = st.one_of(
    st.just(Everything()),
    st.builds(Words, words, st.booleans()),
    st.builds(Party, st.sampled_from(Side), names, names),
    st.builds(Party, st.sampled_from(Side), names, st.just("")),
    st.builds(Party, st.sampled_from(Side), st.just(""), names),
    st.builds(Moment, st.sampled_from(Bound), st.integers(0, LAST_US).map(lambda at_us: at_us * 1000)),
    st.builds(Verdict, st.sampled_from(Action)),
    st.builds(OfKind, st.sampled_from(SearchKind)),
    st.builds(ByRule, names, st.booleans()),
    st.just(HasFile()),
    st.builds(FileName, words, st.booleans()),
    st.builds(FileType, st.from_regex(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+", fullmatch=True)),
    st.builds(FileType, st.from_regex(r"[a-z0-9!#$&^_.+-]+/", fullmatch=True), st.just(True)),
    st.builds(FileHash, st.text("0123456789abcdef", min_size=8, max_size=64)),
    st.builds(
        Near,
        st.lists(st.builds(Words, words, st.booleans()), min_size=1, max_size=3).map(tuple),
        st.lists(st.builds(Words, words, st.booleans()), min_size=1, max_size=3).map(tuple),
        st.integers(1, 30),
    ),
    st.builds(Spelling, st.sampled_from(["copper", "zuerich", "내부자"]), st.integers(1, 2)),
    st.builds(Pattern, st.sampled_from([r"gold\s+\d+", "^a|b$", r"km\/h", "金.价"])),
    st.builds(Span, spans, st.none()),
    st.builds(Span, st.none(), spans.map(lambda at_ns: at_ns + 1000)),
    st.builds(lambda begin, us: Span(begin, begin + us * 1000), spans, st.integers(1, 10**12)),
    st.builds(Listed, st.sampled_from(Group), st.text("abcé金- ", min_size=1).map(str.strip).filter(bool)),
    st.builds(SeenBy, names, names | st.just("")),
    st.builds(Is, st.sampled_from(State)),
    st.builds(StanzaType, st.sampled_from(["chat", "groupchat", "normal", "subscribe"])),
    st.builds(InThread, ids),
    st.builds(ById, ids),
    st.just(HasText()),
    st.builds(FileSize, st.integers(0, 10**12), st.none() | st.integers(10**12, 10**13)),
    st.builds(SimilarTo, st.text(string.ascii_letters + "-_é金", min_size=1), st.integers(0, 10**12 - 1)),
)
nodes = st.recursive(
    terms,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=4).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=4).map(tuple)),
    ),
    max_leaves=20,
)
fragments = st.sampled_from(
    ["ɐ", "Ɔ", "Zürich", "file:ɟ",
     "AND", "OR", "NOT", "(", ")", '"', "“", "-", "*", "from:", "to:alice", "after:", "2h", "kind:", " ",
     "gold", "';", "--", "DROP TABLE", "\x00", "\ud800", "/", ":", "金价", "\u200b",
     "w/5", "NEAR", "NEAR(n=3)", "/a.b/", "/(/", "copper~", "zinc~2", "~", "date:", "2026-01-01..", "..today",
     "size>1mb",
     "date<=2026-01-01", "seen-by:bob", "is:edited", "desk:base", "enterprise:", "room:desk", "id:gate/12", "thread:x",
     "file:", "has:file", "type:image/*", "hash:", "similar:", "NEAR(", "{", "^", "+"]
)  # fmt: skip
sizes = st.builds(
    "{}{}{}".format,
    st.sampled_from([0, 1, 10**15, 2**63 - 1, 2**63, 10**19 - 1]) | st.integers(0, 10**12),
    st.sampled_from(["", ".5", ".005", ".999999"]),
    st.sampled_from(["", "b", "kb", "M", "gb", "tb"]),
)
dates = st.dates(date(1970, 1, 1), date(2261, 12, 31)).map(str) | st.sampled_from(
    ["1970-01-01", "2261-12-31", "2261-12-31T23:59", "2261-12-31T23:59:59.999999", "today", "yesterday", "4w"]
)
compared = st.builds(
    "{0[0]}{1}{0[1]}".format,
    st.tuples(st.just("size"), sizes) | st.tuples(st.just("date"), dates),
    st.sampled_from(["<", "<=", "=", ">=", ">", ":"]),
)
ranges = st.builds("size:{}..{}".format, sizes | st.just(""), sizes | st.just("")) | st.builds(
    "date:{}..{}".format, dates | st.just(""), dates | st.just("")
)
typed = st.one_of(
    compared,
    ranges,
    st.text(),
    st.lists(fragments | st.text(max_size=3)).map("".join),
    st.lists(fragments).map(" ".join),
)


@given(nodes)
def test_the_canonical_text_of_a_query_means_the_same(node: Node) -> None:
    assert parse_query(format_query(node), now_ns=0) == node


@given(typed)
def test_whatever_is_typed_parses_or_is_explained(text: str) -> None:
    try:
        node = parse_query(text, NOW_NS)
    except QueryError as error:
        assert error.message
        assert 0 <= error.position <= len(text)
    else:
        assert parse_query(format_query(node), now_ns=0) == node


def known_of(node: Node) -> Known:
    """What a search finds out before it compiles a query, here of an index that has every word asked for."""
    spellings = {term: (term.word,) for term in terms_of(node) if isinstance(term, Spelling)}
    return Known(spellings, frozenset(), has_patterns=True)


@given(nodes)
def test_what_is_typed_reaches_sql_only_as_a_parameter(node: Node) -> None:
    where = compile_query(node, known_of(node))
    assert re.fullmatch(
        r"(?:[a-z_0-9]++|IN|UNION|ALL|SELECT|FROM|AS|USING|JOIN|ON|WHERE|MATCH|BETWEEN|AND|OR|NOT"
        r"|EXISTS|[()?=<>!,.+]|\s|'(?:person|desk|enterprise|room|rooms|site|component|message|release|amend|groupchat|)')++",
        where.sql,
    )
    assert where.sql.count("?") == len(where.parameters)


@given(typed)
def test_sqlite_takes_every_query(text: str) -> None:
    try:
        node = parse_query(text, NOW_NS)
    except QueryError:
        return
    try:
        where = compile_query(node, known_of(node))
    except ValueError as error:
        assert "near each other" in str(error)
        return
    with empty_index() as database:
        database.execute("CREATE TEMP TABLE pattern_hit (expression TEXT, idx INTEGER)")
        found = database.execute(f"SELECT count(*) FROM entry WHERE {where.sql}", where.parameters)
        assert found.fetchone() == (0,)
        # As if there were entries: of a log without any, nothing is asked.
        blocks = [(log.place(0) >> BLOCK_SHIFT, 0, 0) for log in IndexedLog]
        database.executemany("INSERT INTO span VALUES (?, ?, ?)", blocks)
        assert count(database, where, tuple(IndexedLog)) == 0
        for planned in plan_all(database, where, tuple(IndexedLog)):
            assert list(planned.find(database, 1)) == []
            assert planned.write_ids(database, {IndexedLog.GATE: "gate/"}) == ""


@given(st.text())
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold_words(fold_words(text)) == fold_words(text)


@given(st.text(), st.text(), st.text())
def test_a_word_that_was_folded_is_found_where_it_stands(before: str, word: str, after: str) -> None:
    folded = tuple(fold_words(word).split())
    text = f"{before} {word} {after}"
    found = find_phrases(text, [(folded, False)]) if folded else []
    for start, end in found:
        assert 0 <= start < end <= len(text)
    if folded and word.isascii():
        assert any(start < len(before) + 1 + len(word) and end > len(before) for start, end in found)


plain_words = st.text(string.ascii_letters + string.digits, min_size=1, max_size=8) | st.sampled_from(
    (
        "AND",
        "OR",
        "NOT",
        "NEAR",
        "and",
        "NEARBY",
        "ORE",
        "date",
        "w5",
        "*",
        "from:alice",
        "-gold",
        "(tin)",
        "tin*",
        "é",
    )
)


@given(st.lists(plain_words, min_size=1, max_size=5), st.sampled_from((" ", "  ", "\t", "\n ")))
def test_a_query_of_words_alone_is_what_the_grammar_makes_of_it(words: list[str], blank: str) -> None:
    text = blank.join(words)
    plain = read_plain(text)
    if plain is not None:
        assert plain == parse_by_grammar(text, NOW_NS) == parse_query(text, NOW_NS)
    is_plain = all(re.fullmatch("[A-Za-z0-9]+", word) for word in words)
    assert (plain is not None) == (is_plain and not {"AND", "OR", "NOT", "NEAR"} & {*words})


def test_too_many_words_are_told_of_as_ever() -> None:
    assert isinstance(read_plain(" ".join(["tin"] * MAX_TERMS)), And)
    assert read_plain(" ".join(["tin"] * (MAX_TERMS + 1))) is None
    assert read_plain(" ") is None
