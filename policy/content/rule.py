"""The rules of a policy, as values; their order and that of their entries has no meaning."""

from dataclasses import dataclass
from enum import StrEnum

from policy.files.facts import FileExample, FileMark
from policy.files.slot import Purpose
from policy.topic.model import ModelName, Topic


class ContentAction(StrEnum):
    """The action of a rule, the weakest first."""

    FLAG = "flag"
    WARN = "warn"
    AMEND = "amend"
    HOLD = "hold"
    REFUSE = "refuse"


STRENGTH = {action: rank for rank, action in enumerate(ContentAction)}


class PayloadKind(StrEnum):
    """What a stanza carries besides text."""

    CALLS = "calls"
    LOCATION = "location"
    HTML = "html"
    STICKERS = "stickers"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """A term of a lexicon, as it was written; a `*` at either end lets the word go on there."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Terms, sorted; `fold` says whether obfuscated text counts, too."""

    terms: tuple[Term, ...]
    fold: bool


@dataclass(frozen=True, slots=True)
class Patterns:
    """Regular expressions in RE2's syntax, sorted."""

    patterns: tuple[str, ...]
    case_sensitive: bool
    fold: bool


@dataclass(frozen=True, slots=True)
class Links:
    """The links that are allowed: hosts in ASCII, sorted, `*.` for all below one; any other link is a match.

    `bare_hosts` says whether a host without a scheme (`example.com/x`) is a link.
    """

    hosts: tuple[str, ...]
    schemes: tuple[str, ...]
    bare_hosts: bool


@dataclass(frozen=True, slots=True)
class Payloads:
    """Kinds of payloads, sorted, and the namespaces that `unknown` knows besides those of XMPP."""

    payloads: tuple[PayloadKind, ...]
    namespaces: tuple[str, ...]


class Counted(StrEnum):
    """What a rate counts in one sender's messages."""

    MESSAGES = "messages"
    RECIPIENTS = "recipients"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Rate:
    """How much one sender may write: more than `more_than` within `window_s` seconds is a match."""

    counted: Counted
    more_than: int
    window_s: int


@dataclass(frozen=True, slots=True)
class Topics:
    """What a conversation is about: topics, sorted, and the share from which on they are a match.

    `share` (above 0, up to 1) is of the newest `messages` of a conversation; `model` says by which model.
    """

    topics: tuple[Topic, ...]
    share: float
    messages: int
    model: ModelName


@dataclass(frozen=True, slots=True)
class Uploads:
    """Uploaded files: those for which every setting that is given has an entry that fits; all sorted.

    `types` are media types by content, `image/*` for all of a kind; `names` have `*` and `?`; `sha256` is in
    hexadecimal; `larger_than_bytes` is 0 if any size fits. `desks` are those of who sends it, `to_desks` those of
    somebody whom its link is sent to. A rule that amends files does `otherwise` (`hold` or `refuse`) with those that
    cannot be amended.
    """

    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    larger_than_bytes: int = 0
    sha256: tuple[str, ...] = ()
    marks: tuple[FileMark, ...] = ()
    desks: tuple[str, ...] = ()
    purposes: tuple[Purpose, ...] = ()
    otherwise: ContentAction = ContentAction.REFUSE
    to_desks: tuple[str, ...] = ()


Matched = Lexicon | Patterns | Links | Payloads | Rate | Topics | Uploads


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: what it matches, its action, and what the sender is told (nothing for `flag`).

    Its examples are texts, or files for a rule of uploads. So many `reviewers` have to agree on what it holds; 0: what
    it matches waits for no review. `hide_names`: reviewers see no names until they say why.
    """

    id: str
    action: ContentAction
    text: str
    matched: Matched
    must_match: tuple[str | FileExample, ...] = ()
    must_not_match: tuple[str | FileExample, ...] = ()
    reviewers: int = 1
    hide_names: bool = False
