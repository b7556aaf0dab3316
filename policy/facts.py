"""The facts of one stanza, without its XML, on which a decision is made."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Way(StrEnum):
    """How a stanza came to the server (gate protocol, section 4.1)."""

    C2S = "c2s"
    S2S = "s2s"
    COMPONENT = "component"
    SERVER = "server"
    SESSION = "session"
    CANARY = "canary"
    GATE = "gate"


@dataclass(frozen=True, slots=True)
class NamedJid:
    """A JID that a stanza names: the `jid` or `to` attribute of a descendant, exactly as it was written.

    Of a delay (XEP-0203) that stands in the stanza itself it is the `from` attribute, which says who kept it back.

    `element` is the name of that descendant, `{namespace}local`; `subscription` and `affiliation` are its
    attributes of that name, empty where it has none. A descendant with both `jid` and `to` gives two.
    """

    element: str
    jid: str
    subscription: str = ""
    affiliation: str = ""


class StanzaFacts(NamedTuple):
    """The facts of one stanza, as the server would route it.

    `sender` is the full JID that the server stamped; `to` is empty for the account itself (RFC 6120, 10.3).
    `elements` are the names of all descendants in document order, each `{namespace}local`;
    `text` is what they show a person, a line for each piece of it (policy.content.text_model), `joined` the pieces
    that elements cut, put together; `attributes` are the values of all descendants' attributes; `jids` are the JIDs
    that descendants name, in document order; `followed` are the attributes that a client follows, such as `href`.
    `mixed` says that there are elements inside a text that has none, such as a body (RFC 6121, 5.2.3).
    `thread` is the conversation that it names (RFC 6121, 5.2.5).
    """

    way: Way
    kind: str
    type: str
    sender: str
    to: str
    elements: tuple[str, ...] = ()
    text: str = ""
    attributes: tuple[str, ...] = ()
    jids: tuple[NamedJid, ...] = ()
    followed: tuple[str, ...] = ()
    joined: str = ""
    mixed: bool = False
    thread: str = ""
