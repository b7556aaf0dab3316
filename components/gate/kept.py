"""What the gate keeps of a released stanza, without its text, until nobody can need an error for it.

When a server is killed, released stanzas that were not carried out are lost. Their senders get an error, or send them
again (XEP-0198). Both need addresses, type and id, and a way to recognise the same stanza.
"""

from hashlib import blake2b
from typing import NamedTuple

from components.link.codec import Held
from policy.address import bare
from policy.decision import Action, Decision
from policy.facts import Way

_WAYS = frozenset({Way.C2S, Way.S2S, Way.COMPONENT, Way.GATE})
_GOES_OUT = frozenset({Action.RELEASE, Action.AMEND})
_DELAY = "{urn:xmpp:delay}delay"
_DIGEST_BYTES = 12


class KeptStanza(NamedTuple):
    """A released stanza: its number, and what an error needs.

    `digest` (hex) is a keyed hash of sender, recipient, id and text; empty if no client sends it again.
    """

    seq: int
    session: str
    way: str
    kind: str
    type: str
    sender: str
    to: str
    id: str
    digest: str = ""

    @property
    def wants_error(self) -> bool:
        """Whether its sender would get an error for it (RFC 6120, 8.3), and could still use it in a new session."""
        if self.kind == "iq":
            return self.way != Way.C2S and self.type in ("get", "set")
        return self.kind == "message" and self.type != "error" and self.way != Way.GATE


def ends_session(held: Held) -> bool:
    """Return whether this says that its session has ended, so that its client sends nothing again."""
    return held.facts.way is Way.SESSION and held.facts.kind == "unbind"


class StanzaKeeper:
    """Takes from submissions what is kept; `key` is the site's, so that a digest reveals nothing to others."""

    def __init__(self, key: bytes) -> None:
        self._key = key[:64]

    def keep(self, held: Held, decision: Decision) -> KeptStanza | None:
        """Return what is kept of a submission; None if nothing goes out by its verdict."""
        facts = held.facts
        if decision.action not in _GOES_OUT or facts.way not in _WAYS:
            return None
        return KeptStanza(
            held.seq,
            held.session,
            facts.way,
            facts.kind,
            facts.type,
            facts.sender,
            facts.to,
            held.id,
            self.digest(held) if held.counted else "",
        )

    def digest(self, held: Held) -> str:
        """Return the digest of a client's message that has an id; another session of its sender has the same.

        The time of a delay does not count, because clients add it when they send a message again (XEP-0203).
        """
        facts = held.facts
        if facts.kind != "message" or facts.way is not Way.C2S or not held.id:
            return ""
        elements = " ".join(name for name in facts.elements if name != _DELAY)
        said = "\0".join(
            (bare(facts.sender), facts.to, facts.type, held.id, facts.thread, elements, facts.text)
        )
        return blake2b(
            said.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES, key=self._key
        ).hexdigest()
