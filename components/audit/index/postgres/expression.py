"""Expressions of FTS5, as query/matching.py writes them: parsed to a tree."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

LONGEST = 500
"""Of a longer word, its beginning and a hash stand in the set: a lexeme has 2,046 bytes at most."""

_COLUMNS = ("text", "look")
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
