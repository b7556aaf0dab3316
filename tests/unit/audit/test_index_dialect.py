"""Statements and expressions of SQLite, as PostgreSQL gets them: without a server."""

from collections.abc import Callable

import pytest

from components.audit.index.postgres.dialect import plain_row, translate
from components.audit.index.postgres.expression import (
    LONGEST,
    AllOf,
    AnyOf,
    Near,
    Phrase,
    Without,
    parse_match,
)
from components.audit.index.postgres.match import write_match
from components.audit.index.postgres.tables import write_tables
from components.audit.index.purge import WORD_TABLES
from components.audit.index.routes import match_routes
from components.audit.index.schema import SCHEMA, TABLES
from components.audit.query import tree
from components.audit.query.ids import IdRole, match_id
from components.audit.query.matching import match_near, match_spellings, match_words
from policy.decision import Action

BOTH = ("text", "look")


def lexemes(query: str) -> str:
    """Return a query without the brackets that change nothing."""
    return query.replace("(", "").replace(")", "")


@pytest.mark.parametrize(
    ("sql", "values", "written", "taken"),
    [
        (
            "SELECT ?, '?' FROM entry WHERE idx = ?",
            (1, 2),
            "SELECT %s, '?' FROM entry WHERE idx = %s",
            [1, 2],
        ),
        ("SELECT ?2, ?1, ?2", ("a", "b"), "SELECT %s, %s, %s", ["b", "a", "b"]),
        ("SELECT :one, ':one', :one::text", {"one": 7, "two": 8}, "SELECT %s, ':one', %s::text", [7, 7]),
        ("SELECT 1 WHERE 'a''?' LIKE 'a%'", (), "SELECT 1 WHERE 'a''?' LIKE 'a%%'", []),
        (
            "INSERT OR IGNORE INTO rule VALUES (?, ?)",
            ("r", 1),
            "INSERT INTO rule VALUES (%s, %s) ON CONFLICT DO NOTHING",
            ["r", 1],
        ),
        (
            "SELECT idx FROM alters WHERE hash IN (SELECT value FROM json_each(?))",
            ("[]",),
            "SELECT idx FROM alters WHERE hash IN (SELECT value FROM json_array_elements_text(%s))",
            ["[]"],
        ),
        (
            "DELETE FROM mark WHERE idx IN (SELECT value FROM json_each(?1))",
            ("[1]",),
            "DELETE FROM mark WHERE idx IN (SELECT value::bigint FROM json_array_elements_text(%s))",
            ["[1]"],
        ),
        (
            "SELECT max(span.a, excluded.a), min(span.b, excluded.b), max(a) FROM word CROSS JOIN entry AS e ON 1 = 1",
            (),
            "SELECT greatest(span.a, excluded.a), least(span.b, excluded.b), max(a) FROM word JOIN entry AS e ON 1 = 1",
            [],
        ),
        (
            "CREATE TEMP TABLE t (line INTEGER, name TEXT)",
            (),
            'CREATE TEMP TABLE t (line bigint, name text COLLATE "C")',
            [],
        ),
    ],
)
def test_a_statement_is_written_anew(sql: str, values: object, written: str, taken: list[object]) -> None:
    assert translate(sql, values) == (written, taken)  # type: ignore[arg-type]


def test_values_are_of_plain_types() -> None:
    row = plain_row([True, tree.SearchKind.MESSAGE, Action.HOLD, None, b"\0", "a\0b", 2**63 - 1])
    assert row == [1, "message", "hold", None, b"\0", "a\ufffdb", 2**63 - 1]
    assert {type(each) for each in row} == {int, str, bytes, type(None)}


def test_what_is_to_match_becomes_a_condition_among_other_values() -> None:
    sql, values = translate("SELECT 1 FROM word WHERE idx > ? AND word MATCH ? LIMIT ?", (5, 'text : "a"', 9))
    assert sql.startswith("SELECT 1 FROM word WHERE idx > %s AND ((word.words @@ %s::tsquery) OR ")
    assert sql.endswith(" LIMIT %s")
    assert values == [5, "('a')", ["% a %"], 9]


@pytest.mark.parametrize(
    ("expression", "node"),
    [
        ('text : "a b"', Phrase(("text",), ("a", "b"))),
        ('{text look} : ("a" *)', Phrase(BOTH, ("a",), True)),
        ('"a" AND ("b" OR "c")', AllOf((Phrase(BOTH, ("a",)), AnyOf((Phrase(BOTH, ("b",)), Phrase(BOTH, ("c",))))))),
        ('("a") NOT ("b")', Without(Phrase(BOTH, ("a",)), Phrase(BOTH, ("b",)))),
        ('{text look} : (NEAR("a" "b" *, 3))', Near((Phrase(BOTH, ("a",)),), (Phrase(BOTH, ("b",), True),), 3)),
        ('text : ("AND" OR ":r1")', AnyOf((Phrase(("text",), ("AND",)), Phrase(("text",), (":r1",))))),
        ('{text look} : ("")', Phrase(BOTH, ())),
    ],
)  # fmt: skip
def test_an_expression_is_parsed(expression: str, node: object) -> None:
    assert parse_match(expression) == node


@pytest.mark.parametrize(
    "write",
    [
        lambda: match_words(tree.Words(("insider", "铜"), prefix=True)),
        lambda: match_words(tree.Words(("구리는",))),
        lambda: match_near(tree.Near((tree.Words(("a",)),), (tree.Words(("b", "c")),), 5)),
        lambda: match_spellings(["copper", "coper"]),
        lambda: match_spellings([]),
        lambda: match_id("abc", IdRole.OWN, IdRole.ALONE),
        lambda: match_routes([1, 2]),
        lambda: f"(({match_words(tree.Words(('a',)))}) NOT ({match_routes([1])})) AND {match_routes([2])}",
    ],
)
def test_all_that_queries_write_is_parsed(write: Callable[[], str]) -> None:
    sql, values = write_match("word", write())
    assert sql.count("%s") == len(values)


@pytest.mark.parametrize("expression", ['"a" "b"', "(", 'NEAR("a", 3)', "a", '"a" OR', '{text : "a"'])
def test_another_expression_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="no "):
        parse_match(expression)


def test_pairs_that_are_near_each_other_are_one_condition() -> None:
    left, right = ["a", "b", "c"], ["d", "e"]
    pairs = " OR ".join(f'NEAR("{one}" "{other}", 4)' for one in left for other in right)
    node = parse_match(f"text : ({pairs})")
    one, other = (tuple(Phrase(("text",), (each,)) for each in side) for side in (left, right))
    assert node == AnyOf((Near(one, other, 4),))


def test_a_set_of_words_says_what_may_match() -> None:
    _, (query, *_) = write_match("word", 'text : ("a b" OR "c" *) NOT (look : "d")')
    assert lexemes(str(query)) == "'a' & 'b' | 'c':* & !';d'"
    _, (query, *_) = write_match("word", 'text : "a" NOT (text : "b c")')
    assert lexemes(str(query)) == "'a'"  # whether the words follow each other, it cannot say


def test_quotes_and_backslashes_stay_what_they_are() -> None:
    _, (query, *_) = write_match("word", 'text : "it\'s\\"')
    assert lexemes(str(query)) == "'it''s\\\\'"


def test_a_word_that_is_too_long_is_cut_and_told_apart() -> None:
    word = "x" * LONGEST
    queries = [str(write_match("word", f'text : "{each}"')[1][0]) for each in (word, f"{word}a", f"{word}b")]
    assert lexemes(queries[0]) == f"'{word}'"
    assert len(set(queries)) == 3
    assert all(len(query.encode()) < 2_000 for query in queries)
    sql, _ = write_match("word", f'text : "{word}" *')
    assert (
        "word.text || ' ' LIKE ANY" in sql.split(" OR ", maxsplit=1)[0]
    )  # of the beginning alone, the words decide


def test_all_tables_are_made() -> None:
    written = list(write_tables(SCHEMA.strip().removesuffix(";").split(";\n")))
    made = " ".join(written)
    for table in TABLES:
        assert f"CREATE TABLE {table} (" in made
    assert all(f"CREATE INDEX {table}_words ON {table} USING gin (words)" in made for table in WORD_TABLES)
    tables = [each for each in written if each.lstrip().startswith("CREATE TABLE")]
    for left in ("INTEGER", "TEXT", "BLOB", "WITHOUT ROWID", "fts5", "pgsz", "x''"):
        assert not [each for each in tables if left in each]
