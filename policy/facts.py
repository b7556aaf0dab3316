"""What a decision looks at: the facts of one stanza, without its XML."""

from dataclasses import dataclass
from enum import StrEnum


class Way(StrEnum):
    """How a stanza came to the server (gate protocol, section 4.1)."""

    C2S = "c2s"
    S2S = "s2s"
    COMPONENT = "component"
    SERVER = "server"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class StanzaFacts:
    """The facts of one stanza, as the server would route it.

    `sender` is the full JID that the server stamped; `to` is empty for the account itself (RFC 6120, 10.3).
    `elements` are the names of all descendants in document order, each `{namespace}local`;
    `text` is all character data, `\\n` between elements; `attributes` are the values of all descendants' attributes.
    """

    way: Way
    kind: str
    type: str
    sender: str
    to: str
    elements: tuple[str, ...] = ()
    text: str = ""
    attributes: tuple[str, ...] = ()
