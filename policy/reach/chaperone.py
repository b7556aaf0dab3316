"""Rooms in which people on two sides of a barrier talk while a chaperone is present (docs/borders.md, section 3)."""

from policy.address import BareJid, bare
from policy.decision import Decision, refuse
from policy.directory.directory import Directory
from policy.facts import StanzaFacts
from policy.reach.occupancy import Occupancy

CHAPERONE_ABSENT = refuse(
    "chaperone-absent",
    "wait",
    "policy-violation",  # RFC 6120, 8.3.3.12
    "In this room people talk only while a chaperone is present, and none is now. "
    "Ask a chaperone to join the room, and try again then.",
)
CHAPERONED_PRIVATE = refuse(
    "chaperoned-private",
    "cancel",
    "not-allowed",
    "This room has a chaperone, so private messages to people in it are not possible. Write to the room instead.",
)
CHAPERONED_FAREWELL = refuse(
    "chaperoned-farewell",
    "modify",
    "policy-violation",
    "Rooms that you may be in would be told your status text, and no chaperone is present there. "
    "Go offline without a status text.",
)
REFUSALS = (CHAPERONE_ABSENT, CHAPERONED_PRIVATE, CHAPERONED_FAREWELL)

_PING = "{urn:xmpp:ping}ping"  # XEP-0410: am I still in the room?
_ARCHIVE_QUERY = "{urn:xmpp:mam:2}query"  # XEP-0313: an IQ of type `set` that only reads


def decide_chaperoned(
    directory: Directory, facts: StanzaFacts, room: BareJid, present: Occupancy
) -> Decision | None:
    """Decide on a stanza to a chaperoned room from a person who may enter it; None if nothing is against it.

    A person on no side of a barrier talks there freely, as everywhere.
    """
    chaperoned = directory.borders.chaperoned.get(room)
    if chaperoned is None or bare(facts.sender) not in chaperoned.watched or _says_nothing(facts):
        return None
    if facts.kind != "presence" and "/" in facts.to:  # presence to a nickname joins, or changes it
        return CHAPERONED_PRIVATE
    if facts.kind == "iq" and (facts.type == "get" or _ARCHIVE_QUERY in facts.elements):
        return None
    return None if present.has_any_of(chaperoned.chaperones, room) else CHAPERONE_ABSENT


def decide_farewell(directory: Directory, facts: StanzaFacts, present: Occupancy) -> Decision | None:
    """Decide on a presence without recipient: the server passes a last status text on to the rooms of its sender.

    RFC 6121, 4.5.2. It is not known for sure which rooms these are, so each room counts that the sender may enter.
    """
    if facts.to or facts.kind != "presence" or facts.type != "unavailable" or not facts.text.strip():
        return None
    sender = bare(facts.sender)
    for room, chaperoned in directory.borders.chaperoned.items():
        if sender in chaperoned.watched and not present.has_any_of(chaperoned.chaperones, room):
            return CHAPERONED_FAREWELL
    return None


def _says_nothing(facts: StanzaFacts) -> bool:
    """Return whether it is a leave, an answer or a ping without text: these pass, or nobody could leave."""
    if facts.text.strip():
        return False
    if facts.type == "unavailable":
        return True
    return facts.kind == "iq" and all(element == _PING for element in facts.elements)
