"""Finds which chaperones are in which chaperoned rooms, as far as stanzas prove it: facts in, a new state out."""

from dataclasses import dataclass, replace

from policy.address import BareJid, bare
from policy.directory.directory import Directory
from policy.facts import StanzaFacts, Way

_STATUS = "{http://jabber.org/protocol/muc#user}status"
_SELF_PRESENCE = "110"  # XEP-0045, 7.2.2
_EVENT = "{urn:steelyard:gate:0}"


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Who is certain to be in a room: each occupant's JID in it (`room@service/nick`) with the full JID of a session.

    `asleep` are sessions whose connection is broken and may be resumed (XEP-0198): they see nothing meanwhile.
    """

    occupants: frozenset[tuple[str, str]] = frozenset()
    asleep: frozenset[str] = frozenset()

    def has_any_of(self, people: frozenset[BareJid], room: BareJid) -> bool:
        """Return whether one of these people is in the room, with a connection that works."""
        return any(
            bare(nick) == room and bare(jid) in people and jid not in self.asleep
            for nick, jid in self.occupants
        )


NOBODY = Occupancy()
"""The state after a start of the gate or of the server: nobody is known to be present."""


def observe(before: Occupancy, directory: Directory, facts: StanzaFacts) -> Occupancy:
    """Return the occupancy after a submission, with any decision on it; `before` itself if it changes nothing.

    A chaperone is present once the room itself tells them that they are (XEP-0045, 7.2.2: status 110), and not any more
    as soon as they or the room say that they go, or their session ends or another takes its address.
    """
    if facts.way is Way.SESSION:
        return _observe_event(before, facts)
    if facts.kind != "presence":
        return before
    if facts.type == "unavailable":
        return _observe_leave(before, facts)
    room = directory.borders.chaperoned.get(bare(facts.sender))
    if room is None or facts.type or bare(facts.to) not in room.chaperones:
        return before
    if _STATUS not in facts.elements or _SELF_PRESENCE not in facts.attributes:
        return before
    return replace(before, occupants=before.occupants | {(facts.sender, facts.to)})


def _observe_leave(before: Occupancy, facts: StanzaFacts) -> Occupancy:
    """Return the occupancy without those who say that they go, and those of whom a room says that they have gone."""
    room = bare(facts.to)
    gone = {
        (nick, jid)
        for nick, jid in before.occupants
        if (jid == facts.sender and (not room or bare(nick) == room))
        or (nick == facts.sender and jid == facts.to)
    }
    return replace(before, occupants=before.occupants - gone) if gone else before


def _observe_event(before: Occupancy, facts: StanzaFacts) -> Occupancy:
    jid = next((named.jid for named in facts.jids if named.element.startswith(_EVENT)), "")
    match facts.kind:
        case "hibernate":
            return replace(before, asleep=before.asleep | {jid})
        case "resume":
            return replace(before, asleep=before.asleep - {jid})
        case "bind" | "unbind":
            kept = frozenset(occupant for occupant in before.occupants if occupant[1] != jid)
            if len(kept) == len(before.occupants) and jid not in before.asleep:
                return before
            return Occupancy(kept, before.asleep - {jid})
    return before
