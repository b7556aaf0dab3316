"""The grammar of queries, and the tree that it makes of a text."""

import re
from collections import Counter
from functools import cache

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedToken, VisitError

from components.audit.query.error import QueryError, UnclearError
from components.audit.query.limits import (
    MAX_NESTING,
    MAX_PATTERNS,
    MAX_SIMILAR,
    MAX_SPELLINGS_ASKED,
    MAX_TERMS,
)
from components.audit.query.pattern import check_pattern
from components.audit.query.properties import (
    EXAMPLES,
    PROPERTIES,
    PROPERTY_NAMES,
    compare,
    join_spellings,
    read_words,
    suggest,
)
from components.audit.query.spelling import read_spelling
from components.audit.query.tree import (
    And,
    ById,
    ByRule,
    Everything,
    FileHash,
    FileName,
    FileType,
    InThread,
    Is,
    Listed,
    Near,
    Node,
    Not,
    OfKind,
    Or,
    Party,
    Pattern,
    SeenBy,
    SimilarTo,
    Span,
    StanzaType,
    Verdict,
    Words,
)
from components.audit.query.words import MAX_WITHIN

# Operators are upper case, as in KQL: `gold and silver` looks for the word "and". A run is a sequence of neighbouring
# terms; `_Builder.run` joins them.
GRAMMAR = r"""
?start: disjunction
?disjunction: conjunction (_OR conjunction)*
?conjunction: run (_AND run)*
run: _factor+
_factor: negation | _sought
negation: (_NOT | _MINUS) _sought
_sought: near | atom
near: atom WITHIN atom
?atom: _OPEN disjunction _CLOSE
     | PROPERTY -> property
     | COMPARED -> compared
     | PHRASE   -> phrase
     | PATTERN  -> pattern
     | WORD     -> word

WITHIN.3: /(?:[Ww]\/\d{1,6}|NEAR(?:\/\d{1,6}|\(\s*(?:[Nn]\s*=\s*)?\d{1,6}\s*\))?)(?![^\s()"“”„])/
_OR.3: /OR(?![^\s()"“”„])/
_AND.3: /AND(?![^\s()"“”„])/
_NOT.3: /NOT(?![^\s()"“”„])/
_MINUS.3: /-(?=[^\s)])/
COMPARED.2: /(?:date|size)(?:>=|<=|>|<|=)[^\s()"“”„]*/i
PATTERN.2: /\/(?:[^\/\\\n]|\\.)+\/(?![^\s()])/
PROPERTY.2: /[A-Za-z][A-Za-z_-]*:(["“”„][^"“”„]*["“”„]|[^\s()"“”„]*)/
PHRASE.2: /["“”„][^"“”„]*["“”„]\*?/
WORD.1: /[^\s()"“”„]+/
_OPEN: "("
_CLOSE: ")"
%ignore /\s+/
"""

QUOTES = '"“”„'

_DEFAULT_WITHIN = 8  # KQL's
_TERMS = ("PROPERTY", "COMPARED", "PHRASE", "PATTERN", "WORD")


def parse_by_grammar(text: str, now_ns: int) -> Node:
    """Parse a query as `parse_query` does; raises QueryError."""
    try:
        _check_size(text)
        tree = _grammar().parse(text)
        return _Builder(text, now_ns).transform(tree)
    except UnexpectedCharacters as error:
        raise QueryError(UnclearError("quote"), text, error.pos_in_stream or 0) from None
    except UnexpectedToken as error:
        raise _explain(text, error) from None
    except VisitError as error:
        raise error.orig_exc from None


@cache
def _grammar() -> Lark:
    return Lark(GRAMMAR, parser="lalr", lexer="basic", maybe_placeholders=False)


def _check_size(text: str) -> None:
    terms = 0
    opened: list[int] = []
    for token in _grammar().lex(text):
        position = token.start_pos or 0
        terms += token.type in _TERMS
        if terms > MAX_TERMS:
            raise QueryError(UnclearError("terms", most=MAX_TERMS), text, position)
        if token.type == "_OPEN":
            opened.append(position)
            if len(opened) > MAX_NESTING:
                raise QueryError(UnclearError("nesting", most=MAX_NESTING), text, position)
        elif token.type == "_CLOSE":
            if not opened:
                raise QueryError(UnclearError("unopened"), text, position)
            opened.pop()
    if not terms:
        raise QueryError(UnclearError("nothing"), text, 0)
    if opened:
        raise QueryError(UnclearError("unclosed"), text, opened[-1])


def _explain(text: str, error: UnexpectedToken) -> QueryError:
    token = error.token
    position = len(text.rstrip()) if token.type == "$END" else token.start_pos or 0
    before = re.split(r"[\s(]+", text[:position].rstrip())[-1]
    if token.type == "$END":
        return QueryError(UnclearError("follow", before=before), text, position)
    if token.type == "_CLOSE" and text[:position].rstrip().endswith("("):
        return QueryError(UnclearError("empty"), text, position)
    if token.type in ("_NOT", "_MINUS"):
        # A command takes an option that it does not know as a part of the query.
        is_option = text[position - 1 : position + 1] == "--"
        return QueryError(UnclearError("option" if is_option else "negations"), text, position)
    if token.type == "_CLOSE":
        return QueryError(UnclearError("follow", before=before), text, position)
    if token.type == "WITHIN":
        return QueryError(UnclearError("near.chain", near=str(token)), text, position)
    return QueryError(UnclearError("operator", operator=str(token)), text, position)


@v_args(inline=True)
class _Builder(Transformer[Token, Node]):
    """Builds the tree bottom up; raises QueryError at the term that is wrong."""

    def __init__(self, query: str, now_ns: int) -> None:
        super().__init__()
        self._query = query
        self._now_s = now_ns // 1_000_000_000
        self._counted = Counter[str]()

    def disjunction(self, *nodes: Node) -> Node:
        return join_spellings(nodes)

    def conjunction(self, *nodes: Node) -> Node:
        return And(nodes)

    def run(self, *nodes: Node) -> Node:
        """Join neighbouring terms: those of one property with OR, all others with AND (as KQL does)."""
        groups: dict[object, list[Node]] = {}
        for number, node in enumerate(nodes):
            groups.setdefault(_property(node) or number, []).append(node)
        joined = [group[0] if len(group) == 1 else join_spellings(tuple(group)) for group in groups.values()]
        return joined[0] if len(joined) == 1 else And(tuple(joined))

    def negation(self, node: Node) -> Node:
        return Not(node)

    def near(self, left: Node, within: Token, right: Node) -> Node:
        digits = re.sub(r"\D", "", within)
        words = int(digits) if digits else _DEFAULT_WITHIN
        if not 1 <= words <= MAX_WITHIN:
            raise self._error(UnclearError("near.far", most=MAX_WITHIN), within)
        sides = [_words_of(left), _words_of(right)]
        if not all(sides):
            raise self._error(UnclearError("near.sides", near=str(within)), within)
        return Near(sides[0], sides[1], words)

    def word(self, token: Token) -> Node:
        if token == "*":  # noqa: S105 - no password
            return Everything()
        try:
            spelling = read_spelling(token)
        except UnclearError as error:
            raise self._error(error, token) from None
        if spelling is None:
            return self._words(token, token)
        self._count(token, "spellings", MAX_SPELLINGS_ASKED)
        return spelling

    def phrase(self, token: Token) -> Node:
        inner = token.removesuffix("*")[1:-1]
        return self._words(token, f"{inner}*" if token.endswith("*") else inner)

    def pattern(self, token: Token) -> Node:
        try:
            check_pattern(token[1:-1])
        except UnclearError as error:
            raise self._error(error, token) from None
        self._count(token, "patterns", MAX_PATTERNS)
        return Pattern(str(token[1:-1]))

    def compared(self, token: Token) -> Node:
        found = re.match(r"(\w+)([<>=]+)(.*)", token, re.DOTALL)
        name, operator, value = found.groups() if found else ("", "", "")
        try:
            return compare(name.lower(), operator, value, self._now_s)
        except UnclearError as error:
            raise self._error(error, token, len(name) + len(operator)) from None

    def property(self, token: Token) -> Node:
        name, value = token.split(":", 1)
        read = PROPERTIES.get(name.lower())
        if read is None:
            maybe = suggest(name.lower(), PROPERTIES)
            known = {"name": name, "names": PROPERTY_NAMES, "maybe": f"{maybe}:" if maybe else ""}
            raise self._error(UnclearError("property", **known), token)
        value = value.strip(QUOTES).strip()
        if not value:
            raise self._error(UnclearError("value", name=name, example=EXAMPLES[name.lower()]), token)
        if name.lower() == "similar":
            self._count(token, "pictures", MAX_SIMILAR)
        try:
            return read(name.lower(), value, self._now_s)
        except UnclearError as error:
            raise self._error(error, token, len(name) + 1) from None

    def _count(self, token: Token, what: str, most: int) -> None:
        """Raise QueryError at the first term of a sort that is too many."""
        self._counted[what] += 1
        if self._counted[what] > most:
            raise self._error(UnclearError(what, most=most), token)

    def _words(self, token: Token, text: str) -> Node:
        try:
            return read_words(text, Words)
        except UnclearError as error:
            raise self._error(error, token) from None

    def _error(self, why: UnclearError, token: Token, offset: int = 0) -> QueryError:
        return QueryError(why, self._query, (token.start_pos or 0) + offset)


def _words_of(node: Node) -> tuple[Words, ...]:
    """Return the words of one side of a NEAR, in all their spellings; none if there is anything else in it."""
    nodes = node.nodes if isinstance(node, Or) else (node,)
    words = [_words_of(each) if isinstance(each, Or) else (each,) for each in nodes]
    flat = [each for group in words for each in group]
    found = tuple(each for each in flat if isinstance(each, Words))
    return found if words and all(words) and len(found) == len(flat) else ()


def _property(node: Node) -> object:
    """Return the key that makes two terms alternatives. Bounds of time are not alternatives: both must hold."""
    match node:
        case Party(role):
            return role
        case Listed(group):
            return group
        case (
            Verdict() | OfKind() | ByRule() | FileName() | FileType() | FileHash() | SimilarTo()
            | SeenBy() | Span() | Is() | StanzaType() | InThread() | ById()
        ):  # fmt: skip
            return type(node)
        case Or((FileName(), *_)):
            return FileName  # one name in several spellings
        case _:
            return None
