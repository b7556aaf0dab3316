"""The terms of a query: frozen values."""

from dataclasses import dataclass
from enum import StrEnum

from policy.decision import Action


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


class Group(StrEnum):
    """What the directory lists, and a query can name."""

    PERSON = "person"
    ROOM = "room"
    DESK = "desk"
    SITE = "site"
    ENTERPRISE = "enterprise"
    OWNER = "owner"


class State(StrEnum):
    """What a stanza does (components/audit/marks.py), or what was done to it: `edited`, `retracted`."""

    EDITED = "edited"
    RETRACTED = "retracted"
    MESSAGE = "message"
    CORRECTION = "correction"
    RETRACTION = "retraction"
    REACTION = "reaction"
    RECEIPT = "receipt"
    MARKER = "marker"
    CHAT_STATE = "chat-state"
    JOIN = "join"
    LEAVE = "leave"
    SUBJECT = "subject"
    INVITE = "invite"


@dataclass(frozen=True, slots=True)
class Everything:
    """Every record: `*`."""


@dataclass(frozen=True, slots=True)
class Words:
    """Folded words that follow each other; with `prefix`, the last one may go on."""

    words: tuple[str, ...]
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Near:
    """Of either side some words, with fewer than `within` others between them, in either order."""

    left: tuple[Words, ...]
    right: tuple[Words, ...]
    within: int


@dataclass(frozen=True, slots=True)
class Spelling:
    """A folded word, and all that are written nearly so: at most `apart` letters put in, left out, other or swapped.

    With none apart, which is for Arabic: the word alone, and with what Arabic writes onto it.
    """

    word: str
    apart: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression of RE2 that is found in the text as it was written, in upper or lower case."""

    expression: str


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
class Span:
    """A time of receipt: from `begin_ns` on, before `end_ns` (since 1970, whole microseconds); None is no bound."""

    begin_ns: int | None
    end_ns: int | None


@dataclass(frozen=True, slots=True)
class Listed:
    """Of what the directory of that time calls so, by its id or by words of its name, on either side of a stanza.

    `owner` is the enterprise whose record it is: its sender's, or its recipient's if the sender is of none. `within`:
    only what the directory says of these enterprises counts; None: of all.
    """

    group: Group
    name: str
    within: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SeenBy:
    """What came to, or from, this person, or was said in a room while they were in it; as `Party`, with a `local`."""

    local: str
    domain: str


@dataclass(frozen=True, slots=True)
class Is:
    """What a stanza does to a conversation, or what was done to it later."""

    state: State


@dataclass(frozen=True, slots=True)
class StanzaType:
    """The type of a stanza (RFC 6121): `chat`, `groupchat`."""

    type: str


@dataclass(frozen=True, slots=True)
class InThread:
    """The thread of a message (RFC 6121, 5.2.5)."""

    thread: str


@dataclass(frozen=True, slots=True)
class ById:
    """The id of a record, a stanza's own, its origin's, or one that an archive or the gate gave it (XEP-0359)."""

    id: str


@dataclass(frozen=True, slots=True)
class HasText:
    """A record that says something."""


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
class FileSize:
    """A file's size in bytes, from `least` to `most`, both included; None is no bound."""

    least: int | None
    most: int | None


@dataclass(frozen=True, slots=True)
class SimilarTo:
    """A picture that looks like one of the record `number` of the log of this name."""

    log: str
    number: int


FileTerm = HasFile | FileName | FileType | FileHash | FileSize | SimilarTo
WordTerm = Words | Near | Spelling | Pattern
Term = (
    Everything
    | WordTerm
    | Party
    | Listed
    | SeenBy
    | Moment
    | Span
    | Verdict
    | OfKind
    | ByRule
    | Is
    | StanzaType
    | InThread
    | ById
    | HasText
    | FileTerm
)
