"""What FTS5 has to match (query/matching.py), as a condition of PostgreSQL on a table of words.

A table of words has the words of a text in order (`text`, `look`), and the set of both as a `tsvector` (`words`), in
which those of `look` begin with a semicolon. The set finds rows by an index. Whether words follow each other, or are
near each other, is looked up in the text of the rows found: positions of a `tsvector` end at 16,383, and each word has
256 at most. A text with so many different words that no `tsvector` takes them has none, and is looked at each time.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import md5

LONGEST = 500
"""Of a longer word, its beginning and a hash stand in the set: a lexeme has 2,046 bytes at most."""

_COLUMNS = ("text", "look")
_MARKS = {"text": "", "look": ";"}
_NOWHERE = "';'"  # no text has this as a word
_TOKEN = re.compile(r'"([^"]*)"|([(){}:*,])|(\w+)')


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that follow each other in one of some columns; if it `is_open`, the last may go on."""

    columns: tuple[str, ...]
    words: tuple[str, ...]
    is_open: bool = False

    @property
    def is_in_set(self) -> bool:
        """Whether the set of words alone tells."""
        return len(self.words) < 2 and not (self.is_open and len(self.words[0]) >= LONGEST)


@dataclass(frozen=True, slots=True)
class Near:
    """One of some phrases, and one of others, with at most so many words between them."""

    left: tuple[Phrase, ...]
    right: tuple[Phrase, ...]
    between: int


@dataclass(frozen=True, slots=True)
class AllOf:
    """Everything of this."""

    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Anything of this."""

    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Without:
    """The one, where the other is not."""

    node: "Node"
    other: "Node"


Node = Phrase | Near | AllOf | AnyOf | Without
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


@lru_cache(maxsize=256)
def parse_match(expression: str) -> Node:
    """Parse an expression of FTS5 as query/matching.py writes it; raises ValueError."""
    parser = _Parser(expression)
    node = parser.read_any(_COLUMNS)
    parser.end()
    return node


class _Parser:
    def __init__(self, expression: str) -> None:
        self._tokens = [(found[1], found[2] or found[3]) for found in _TOKEN.finditer(expression)]
        self._at = 0

    def peek(self, ahead: int = 0) -> str:
        """Return a sign or a name; nothing for a quoted text, and at the end."""
        at = self._at + ahead
        return self._tokens[at][1] or "" if at < len(self._tokens) else ""

    def end(self) -> None:
        """Raise ValueError if anything is left."""
        if self._at < len(self._tokens):
            raise ValueError("no expression of FTS5 that the index uses: something is left of it")

    def read_any(self, columns: tuple[str, ...]) -> Node:
        nodes = [self._read_all(columns)]
        while self._take("OR"):
            nodes.append(self._read_all(columns))
        return AnyOf(tuple(_join_near(nodes))) if len(nodes) > 1 else nodes[0]

    def _read_all(self, columns: tuple[str, ...]) -> Node:
        nodes = [self._read_without(columns)]
        while self._take("AND"):
            nodes.append(self._read_without(columns))
        return AllOf(tuple(nodes)) if len(nodes) > 1 else nodes[0]

    def _read_without(self, columns: tuple[str, ...]) -> Node:
        node = self._read_one(columns)
        while self._take("NOT"):
            node = Without(node, self._read_one(columns))
        return node

    def _read_one(self, columns: tuple[str, ...]) -> Node:
        if self._take("("):
            node = self.read_any(columns)
            self._expect(")")
            return node
        if self._take("{"):
            named = list[str]()
            while not self._take("}"):
                named.append(self._next())
            self._expect(":")
            return self._read_one(tuple(named))
        if self.peek(1) == ":":
            named = [self._next()]
            self._expect(":")
            return self._read_one(tuple(named))
        if self._take("NEAR"):
            self._expect("(")
            left, right = self._read_phrase(columns), self._read_phrase(columns)
            self._expect(",")
            between = int(self._next())
            self._expect(")")
            return Near((left,), (right,), between)
        return self._read_phrase(columns)

    def _read_phrase(self, columns: tuple[str, ...]) -> Phrase:
        if self._at >= len(self._tokens) or self.peek():
            raise ValueError(f"no phrase: {self.peek()}")
        words = tuple(self._tokens[self._at][0].split())
        self._at += 1
        return Phrase(columns, words, self._take("*"))

    def _take(self, sign: str) -> bool:
        is_there = self.peek() == sign
        self._at += is_there
        return is_there

    def _next(self) -> str:
        if not (sign := self.peek()):
            raise ValueError("no name or number where one has to be")
        self._at += 1
        return sign

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise ValueError(f"no {sign} where one has to be")


def _join_near(nodes: list[Node]) -> Iterator[Node]:
    """Yield nodes; what is near each other in all pairs of some phrases is one condition, and not thousands."""
    pairs: dict[tuple[tuple[str, ...], int], dict[Phrase, list[Phrase]]] = {}
    for node in nodes:
        if isinstance(node, Near) and len(node.left) == len(node.right) == 1:
            beside = pairs.setdefault((node.left[0].columns, node.between), {})
            beside.setdefault(node.left[0], []).append(node.right[0])
        else:
            yield node
    for (_, between), beside in pairs.items():
        sides: dict[tuple[Phrase, ...], list[Phrase]] = {}
        for left, right in beside.items():
            sides.setdefault(tuple(right), []).append(left)
        yield from (Near(tuple(left), right, between) for right, left in sides.items())


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
