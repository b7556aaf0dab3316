"""The tree of a query: terms, joined; and its canonical text."""

from collections.abc import Iterator
from dataclasses import dataclass

from components.audit.query.canonical import format_term
from components.audit.query.terms import (
    Bound,
    ById,
    ByRule,
    Everything,
    FileHash,
    FileName,
    FileSize,
    FileTerm,
    FileType,
    Group,
    HasFile,
    HasText,
    InThread,
    Is,
    Listed,
    Moment,
    Near,
    OfKind,
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
    Term,
    Verdict,
    Words,
    WordTerm,
)

__all__ = [
    "And",
    "Bound",
    "ById",
    "ByRule",
    "Everything",
    "FileHash",
    "FileName",
    "FileSize",
    "FileTerm",
    "FileType",
    "Group",
    "HasFile",
    "HasText",
    "InThread",
    "Is",
    "Listed",
    "Moment",
    "Near",
    "Node",
    "Not",
    "OfKind",
    "Or",
    "Party",
    "Pattern",
    "SearchKind",
    "SeenBy",
    "Side",
    "SimilarTo",
    "Span",
    "Spelling",
    "StanzaType",
    "State",
    "Term",
    "Verdict",
    "WordTerm",
    "Words",
    "format_query",
    "patterns_sought",
    "people_of",
    "terms_of",
    "words_sought",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Not:
    """Everything that does not match `node`."""

    node: "Node"


@dataclass(frozen=True, slots=True)
class And:
    """Everything that matches all of at least two nodes."""

    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Everything that matches any of at least two nodes."""

    nodes: tuple["Node", ...]


Node = Term | Not | And | Or


def format_query(node: Node) -> str:
    """Write a query in its canonical form, which parses to the same tree at any time."""
    match node:
        case Not(inner):
            return f"NOT {_operand(inner)}"
        case And(nodes):
            return " AND ".join(_operand(each) for each in nodes)
        case Or(nodes):
            return " OR ".join(_operand(each) for each in nodes)
        case _:
            return format_term(node)


def words_sought(node: Node) -> tuple[Words, ...]:
    """Return the words that a match may contain, without those behind NOT."""
    words: list[Words] = []
    for term in _find_sought(node):
        match term:
            case Words():
                words.append(term)
            case Near(left, right):
                words += (*left, *right)
    return tuple(words)


def patterns_sought(node: Node) -> tuple[Pattern, ...]:
    """Return the regular expressions that a match may contain, without those behind NOT."""
    return tuple(term for term in _find_sought(node) if isinstance(term, Pattern))


def terms_of(node: Node) -> Iterator[Term]:
    """Yield all terms of a query, also those behind NOT."""
    match node:
        case Not(inner):
            yield from terms_of(inner)
        case And(nodes) | Or(nodes):
            for each in nodes:
                yield from terms_of(each)
        case _:
            yield node


def people_of(node: Node) -> Iterator[str]:
    """Yield the bare JIDs that a query names in full as those of people or rooms, as a server prepares them."""
    for term in terms_of(node):
        if isinstance(term, Party) and term.local and term.domain:
            yield f"{term.local}@{term.domain}"


def _find_sought(node: Node) -> Iterator[Term]:
    match node:
        case Not():
            return
        case And(nodes) | Or(nodes):
            for each in nodes:
                yield from _find_sought(each)
        case _:
            yield node


def _operand(node: Node) -> str:
    text = format_query(node)
    return f"({text})" if isinstance(node, Not | And | Or | Near) else text
