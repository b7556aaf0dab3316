"""One text and one term: whether a rule finds it there, and whether an auditor's search does."""

from collections.abc import Iterable

from components.audit.query.compile import compile_query
from components.audit.query.parser import parse_query
from policy.content.lexicon import LexiconMatcher
from policy.content.rule import ContentAction, Lexicon, Rule, Term
from policy.content.said import Said
from policy.facts import StanzaFacts, Way
from tests.support.made_index import add_entry, empty_index


def rule_finds(term: str, text: str, *, folds: bool = True) -> bool:
    return rules_find(term, [text], folds=folds) == [True]


def rules_find(term: str, texts: Iterable[str], *, folds: bool = True) -> list[bool]:
    """Return of each text whether a rule with this term finds it."""
    rule = Rule("r", ContentAction.FLAG, "", Lexicon((Term("en", term),), fold=folds))
    matcher = LexiconMatcher((rule,))
    return [bool(matcher.find_rules(Said(_say(text)))) for text in texts]


def _say(text: str) -> StanzaFacts:
    return StanzaFacts(
        Way.C2S, "message", "chat", "a@x.example", "b@x.example", ("{jabber:client}body",), text
    )


def search_finds(query: str, *texts: str) -> list[int]:
    """Return which of some texts a query finds, by their numbers."""
    where = compile_query(parse_query(query, 0))
    with empty_index() as database:
        for number, text in enumerate(texts):
            add_entry(database, number, text)
        rows = database.execute(
            f"SELECT idx FROM entry WHERE {where.sql} ORDER BY idx", where.parameters
        ).fetchall()
    return [number for (number,) in rows]
