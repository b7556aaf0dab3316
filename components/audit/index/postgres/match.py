"""What FTS5 has to match (query/matching.py), as a condition of PostgreSQL on a table of words.

A table of words has the words of a text in order (`text`, `look`), and the set of both as a `tsvector` (`words`), in
which those of `look` begin with a semicolon. The set finds rows by an index. Whether words follow each other, or are
near each other, is looked up in the text of the rows found: positions of a `tsvector` end at 16,383, and each word has
256 at most. A text with so many different words that no `tsvector` takes them has none, and is looked at each time.
"""

import re
from collections.abc import Iterable, Iterator
from hashlib import md5

from components.audit.index.postgres.expression import (
    LONGEST,
    AllOf,
    AnyOf,
    Near,
    Node,
    Phrase,
    Without,
    parse_match,
)

_MARKS = {"text": "", "look": ";"}
_NOWHERE = "';'"  # no text has this as a word


Condition = tuple[str, list[str | int | list[str]]]


def write_match(table: str, expression: str) -> Condition:
    """Return a condition that the rows of a table of words match an expression of FTS5; raises ValueError."""
    node = parse_match(expression)
    sql, values = f"{table}.words @@ %s::tsquery", list[str | int | list[str]]([_query(node)])
    if not _is_in_set(node):
        more, inside = _look(node, table, has_set=True)
        sql, values = f"{sql} AND {more}", [*values, *inside]
    scanned, sought = _look(node, table, has_set=False)
    return f"(({sql}) OR ({table}.words IS NULL AND {scanned}))", [*values, *sought]


def _is_in_set(node: Node) -> bool:
    match node:
        case Phrase():
            return node.is_in_set if node.words else True
        case Near():
            return False
        case AllOf(nodes) | AnyOf(nodes):
            return all(map(_is_in_set, nodes))
        case Without(one, other):
            return _is_in_set(one) and _is_in_set(other)


def _query(node: Node) -> str:
    """Return a `tsquery` that finds all that match; and nothing else, where the set of words tells."""
    match node:
        case Phrase(columns, words, is_open):
            if not words:
                return _NOWHERE
            found = (
                " & ".join(_lexeme(_MARKS[column], word, is_open and word is words[-1]) for word in words)
                for column in columns
            )
            return _any(found)
        case Near(left, right):
            return f"({_any(map(_query, left))} & {_any(map(_query, right))})"
        case AllOf(nodes):
            return f"({' & '.join(map(_query, nodes))})"
        case AnyOf(nodes):
            return _any(map(_query, nodes))
        case Without(one, other):
            return f"({_query(one)} & !{_query(other)})" if _is_in_set(other) else _query(one)


def _any(queries: Iterable[str]) -> str:
    return f"({' | '.join(dict.fromkeys(queries))})"


def _lexeme(mark: str, word: str, is_open: bool) -> str:
    if len(mark + word) > LONGEST:
        hashed = md5(f"{mark}{word}".encode(), usedforsecurity=False).hexdigest()
        word = f"{mark}{word}"[:LONGEST] + ("" if is_open else f";{hashed}")
    else:
        word = mark + word
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'{':*' if is_open else ''}"


def _look(node: Node, table: str, *, has_set: bool) -> Condition:
    """Return a condition on the texts of a row, with the help of its set of words where it has one."""
    match node:
        case Phrase() | Near():
            return _look_any((node,), table, has_set=has_set)
        case AllOf(nodes):
            return _join(" AND ", (_look(each, table, has_set=has_set) for each in nodes))
        case AnyOf(nodes):
            return _look_any(nodes, table, has_set=has_set)
        case Without(one, other):
            both = [_look(each, table, has_set=has_set) for each in (one, other)]
            return f"({both[0][0]} AND NOT {both[1][0]})", [*both[0][1], *both[1][1]]


def _look_any(nodes: tuple[Node, ...], table: str, *, has_set: bool) -> Condition:
    in_set, others, phrases = list[Node](), list[Node](), dict[str, list[str]]()
    for node in nodes:
        if has_set and _is_in_set(node):
            in_set.append(node)
        elif isinstance(node, Phrase):
            for column in node.columns if node.words else ():
                phrases.setdefault(column, []).append(_spell(node))
        else:
            others.append(node)
    found: list[Condition] = []
    if in_set:
        found.append((f"{table}.words @@ %s::tsquery", [_any(map(_query, in_set))]))
    for column, sought in phrases.items():
        found.append((f"' ' || {table}.{column} || ' ' LIKE ANY (%s::text[])", [list(map(_pattern, sought))]))
    for node in others:
        if isinstance(node, Near):
            found += _look_near(node, table)
        else:
            found.append(_look(node, table, has_set=has_set))
    return _join(" OR ", found) if found else ("false", [])


def _look_near(node: Near, table: str) -> Iterator[Condition]:
    left, right = ([_spell(each) for each in side] for side in (node.left, node.right))
    for column in node.left[0].columns:
        yield f"is_near({table}.{column}, %s::text[], %s::text[], %s)", [left, right, node.between]


def _pattern(spelt: str) -> str:
    escaped = re.sub(r"([\\%_])", r"\\\1", spelt)
    return f"%{escaped}%"


def _spell(phrase: Phrase) -> str:
    """Return a phrase as the functions of the index have it: a blank on each side where a word ends there."""
    return f" {' '.join(phrase.words)}{'' if phrase.is_open else ' '}"


def _join(operator: str, conditions: Iterable[Condition]) -> Condition:
    parts = list(conditions)
    return f"({operator.join(sql for sql, _ in parts)})", [value for _, values in parts for value in values]
