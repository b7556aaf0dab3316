"""One text and one term: whether a rule finds it there, and whether an auditor's search does."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from components.audit.index.schema import SCHEMA
from components.audit.query.compile import compile_query
from components.audit.query.parser import parse_query
from components.audit.query.words import index_words
from policy.content.lexicon import LexiconMatcher
from policy.content.rule import ContentAction, Lexicon, Rule, Term
from policy.content.said import Said
from policy.facts import StanzaFacts, Way


def rule_finds(term: str, text: str, *, folds: bool = True) -> bool:
    rule = Rule("r", ContentAction.FLAG, "", Lexicon((Term("en", term),), fold=folds))
    said = StanzaFacts(
        Way.C2S, "message", "chat", "a@x.example", "b@x.example", ("{jabber:client}body",), text
    )
    return bool(LexiconMatcher((rule,)).find_rules(Said(said)))


def search_finds(query: str, *texts: str) -> list[int]:
    """Return which of some texts a query finds, by their numbers."""
    where = compile_query(parse_query(query, 0))
    with _index(texts) as database:
        rows = database.execute(
            f"SELECT idx FROM submission WHERE {where.sql} ORDER BY idx", where.parameters
        ).fetchall()
    return [number for (number,) in rows]


@contextmanager
def _index(texts: tuple[str, ...]) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(":memory:")
    database.executescript(SCHEMA)
    for number, text in enumerate(texts):
        database.execute(
            "INSERT INTO submission VALUES (?, 'message', 0, '', '', '', '', '', 'release', '', 0, 0)",
            (number,),
        )
        row = (number, *index_words(text))
        database.execute("INSERT INTO folded VALUES (?, ?, ?, '', '')", row)
        database.execute("INSERT INTO word (rowid, text, look) VALUES (?, ?, ?)", row)
    try:
        yield database
    finally:
        database.close()
