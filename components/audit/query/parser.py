"""Parses a query's text into its tree."""

import re

from components.audit.query.error import QueryError, UnclearError
from components.audit.query.limits import MAX_CHARACTERS, MAX_TERMS
from components.audit.query.properties import read_words
from components.audit.query.tree import And, Node, Words

_OPERATORS = frozenset(("AND", "OR", "NOT", "NEAR"))


def parse_query(text: str, now_ns: int) -> Node:
    """Parse a query; times such as `2h` count back from `now_ns` (since 1970), cut to whole seconds.

    Raises QueryError.
    """
    if len(text) > MAX_CHARACTERS:
        raise QueryError(UnclearError("long", most=f"{MAX_CHARACTERS:,}"), text, MAX_CHARACTERS)
    if broken := re.search("[\ud800-\udfff]", text):
        raise QueryError(UnclearError("unicode"), text, broken.start())
    if (node := read_plain(text)) is not None:
        return node
    # Only now: to make the parser takes longer than most searches, and most are for a word or two.
    from components.audit.query.grammar import parse_by_grammar

    return parse_by_grammar(text, now_ns)


def read_plain(text: str) -> Node | None:
    """Return the tree of a query that is nothing but words of ASCII, as the grammar makes it; None for any other."""
    words = text.split()
    if not 1 <= len(words) <= MAX_TERMS or not all(map(_is_plain, words)):
        return None
    nodes = tuple(read_words(word, Words) for word in words)
    return nodes[0] if len(nodes) == 1 else And(nodes)


def _is_plain(word: str) -> bool:
    return word.isascii() and word.isalnum() and word not in _OPERATORS
