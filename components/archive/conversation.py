"""The keyed hash by which a leaf names a conversation (docs/archive-format.md, section 3)."""

import hmac

from components.archive.log.leaf import NO_CONVERSATION
from policy.address import bare
from policy.facts import StanzaFacts, Way

_KEPT = 65_536


class ConversationHash:
    """Hashes who talks to whom, under the site's key; those met before are remembered."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[tuple[str, str], bytes] = {}

    def hash(self, facts: StanzaFacts) -> bytes:
        """Name the conversation that a stanza belongs to (16 bytes); NO_CONVERSATION for what is to nobody."""
        if not facts.to or facts.way is Way.SESSION:
            return NO_CONVERSATION
        pair = (facts.sender, facts.to)
        if (known := self._known.get(pair)) is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            known = self._known[pair] = (
                self.of_people(*pair) if facts.type != "groupchat" else self.of_room(facts.to)
            )
        return known

    def of_people(self, one: str, other: str) -> bytes:
        """Name the conversation of two JIDs, whichever way it goes."""
        return self._digest("".join(f"{jid}\n" for jid in sorted((bare(one), bare(other)))))

    def of_room(self, room: str) -> bytes:
        """Name what is said in a room."""
        return self._digest(f"{bare(room)}\n")

    def _digest(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")[:16]
