"""The outcome of a decision."""

from dataclasses import dataclass
from enum import StrEnum

HELD = "Held for review, not delivered yet: do not send it again. You will be told what becomes of it. "
"""What the sender of a held message is told, before the text of the rule."""


class Action(StrEnum):
    """The verdict on a held stanza (gate protocol, section 4.2)."""

    RELEASE = "release"
    AMEND = "amend"
    HOLD = "hold"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class StanzaError:
    """The stanza error a sender gets: RFC 6120, 8.3; `text` tells a trader what to do instead."""

    type: str
    condition: str
    text: str


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Bytes `start <= offset < end` of a stanza, and their replacement, which never has anything that people said."""

    start: int
    end: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a stanza, and the ids of the rules that led to it.

    `error` is what the sender gets for a refused or held stanza. If a stanza is refused without an error, it is
    dropped, and nobody is told. `notice` is what the sender is told about a stanza that goes on. For `amend` and
    `hold`: `strip` are the texts to take out of it, `edits` how that is done, and `amended` the stanza that goes on
    instead, also after a review (docs/policy.md, section 5).
    """

    action: Action
    rules: tuple[str, ...] = ()
    error: StanzaError | None = None
    amended: bytes = b""
    notice: str = ""
    strip: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()


def release(*rules: str) -> Decision:
    """Decide that the stanza goes on unchanged."""
    return Decision(Action.RELEASE, rules)


def drop(rule: str) -> Decision:
    """Decide that the stanza is dropped, and that nobody is told."""
    return Decision(Action.REFUSE, (rule,))


def refuse(rule: str, type_: str, condition: str, text: str) -> Decision:
    """Decide that the sender gets a stanza error instead (RFC 6120, 8.3.2 and 8.3.3)."""
    return Decision(Action.REFUSE, (rule,), StanzaError(type_, condition, text))
