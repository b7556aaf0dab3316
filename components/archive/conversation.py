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
        self._known: dict[tuple[str, str, bool, Way], bytes] = {}

    def hash(self, facts: StanzaFacts) -> bytes:
        """Return the 16 bytes that name a stanza's conversation; NO_CONVERSATION for what is addressed to nobody."""
        if not facts.to or facts.way is Way.SESSION:
            return NO_CONVERSATION
        in_room = facts.type == "groupchat"
        case = (facts.sender, facts.to, in_room, facts.way)
        if (known := self._known.get(case)) is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            known = self._known[case] = self._of_room_talk(facts) if in_room else self.of_people(*case[:2])
        return known

    def of_people(self, one: str, other: str) -> bytes:
        """Return the bytes that name the conversation of two JIDs, the same in both directions."""
        return self._digest("".join(f"{jid}\n" for jid in sorted((bare(one), bare(other)))))

    def of_room(self, room: str) -> bytes:
        """Return the bytes that name what is said in a room."""
        return self._digest(f"{bare(room)}\n")

    def _of_room_talk(self, facts: StanzaFacts) -> bytes:
        if "/" not in facts.to:
            return self.of_room(facts.to)
        # To a resource: another site's room tells it to its occupant (XEP-0045, 7.4), or a client calls a message
        # to another so, which the server delivers as well (RFC 6121, 8.5.3.1).
        return self.of_people(facts.sender, facts.to) if facts.way is Way.C2S else self.of_room(facts.sender)

    def _digest(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")[:16]
