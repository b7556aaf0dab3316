"""The tree of a query: frozen values, and their canonical text."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from policy.decision import Action

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Side(StrEnum):
    """Which side of a stanza a person is on."""

    FROM = "from"
    TO = "to"
    WITH = "with"


class SearchKind(StrEnum):
    """The kind of a record: a stanza by its element's name, an event of a session, an act on the line or on a file.

    `look` is what an auditor did, in the auditors' own log.
    """

    MESSAGE = "message"
    PRESENCE = "presence"
    IQ = "iq"
    SESSION = "session"
    EVENT = "event"
    FILE = "file"
    LOOK = "look"
    OTHER = "other"


class Bound(StrEnum):
    """Which side of a moment: `after` includes it, `before` does not."""

    AFTER = "after"
    BEFORE = "before"


@dataclass(frozen=True, slots=True)
class Everything:
    """Every record: `*`."""


@dataclass(frozen=True, slots=True)
class Words:
    """Folded words that follow each other; with `prefix`, the last one may go on."""

    words: tuple[str, ...]
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Party:
    """A person on one side or, for `with`, on either.

    An empty `local` means everybody of a domain (`@metals.example`); an empty `domain`, that the one name
    may be either (`alice`, `metals.example`).
    """

    role: Side
    local: str
    domain: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A bound of the time of receipt; `at_ns` counts nanoseconds since 1970, in whole microseconds."""

    bound: Bound
    at_ns: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict."""

    action: Action


@dataclass(frozen=True, slots=True)
class OfKind:
    """A kind of record."""

    kind: SearchKind


@dataclass(frozen=True, slots=True)
class ByRule:
    """A rule that led to the verdict; with `prefix`, any rule whose id begins so."""

    rule: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class HasFile:
    """A file that is kept, or a link to one."""


@dataclass(frozen=True, slots=True)
class FileName:
    """Folded words in the name of a file, as `Words` are of a text."""

    words: tuple[str, ...]
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class FileType:
    """A file's media type; with `prefix`, any that begins so (`image/`)."""

    type: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class FileHash:
    """The beginning of the SHA-256 of a file's content, in hexadecimal digits."""

    digits: str


@dataclass(frozen=True, slots=True)
class SimilarTo:
    """A picture that looks like one of the record `number` of the log of this name."""

    log: str
    number: int


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


FileTerm = HasFile | FileName | FileType | FileHash | SimilarTo
Term = Everything | Words | Party | Moment | Verdict | OfKind | ByRule | FileTerm
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
            return _format_term(node)


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


def words_sought(node: Node) -> tuple[Words, ...]:
    """Return the words that a match may contain, without those behind NOT."""
    match node:
        case Words():
            return (node,)
        case And(nodes) | Or(nodes):
            return tuple(words for each in nodes for words in words_sought(each))
        case _:
            return ()


def _operand(node: Node) -> str:
    text = format_query(node)
    return f"({text})" if isinstance(node, Not | And | Or) else text


def _format_term(term: Term) -> str:
    match term:
        case Everything():
            return "*"
        case Words(words, prefix):
            return f'"{" ".join(words)}{"*" * prefix}"'
        case Party(role, local, domain):
            return f'{role}:"{local}{"@" * bool(domain)}{domain}"'
        case Moment(bound, at_ns):
            at = _EPOCH + timedelta(microseconds=at_ns // 1000)
            return f"{bound}:{at.isoformat().replace('+00:00', 'Z')}"
        case Verdict(action):
            return f"verdict:{action}"
        case OfKind(kind):
            return f"kind:{kind}"
        case ByRule(rule, prefix):
            return f'rule:"{rule}{"*" * prefix}"'
        case _:
            return _format_file_term(term)


def _format_file_term(term: FileTerm) -> str:
    match term:
        case HasFile():
            return "has:file"
        case FileName(words, prefix):
            return f'file:"{" ".join(words)}{"*" * prefix}"'
        case FileType(kind, prefix):
            return f"type:{kind}{'*' * prefix}"
        case FileHash(digits):
            return f"hash:{digits}"
        case SimilarTo(log, number):
            return f'similar:"{log}/{number}"'
