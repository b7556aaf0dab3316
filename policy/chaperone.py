"""Rooms in which people on two sides of a barrier talk while a chaperone is present (docs/borders.md, section 3)."""

from policy.address import BareJid, bare
from policy.decision import Decision, refuse
from policy.directory import Directory
from policy.facts import StanzaFacts
from policy.occupancy import Occupancy

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
REFUSALS = (CHAPERONE_ABSENT, CHAPERONED_PRIVATE)

_PING = "{urn:xmpp:ping}ping"  # XEP-0410: am I still in the room?
_ARCHIVE_QUERY = "{urn:xmpp:mam:2}query"  # XEP-0313: an IQ of type `set` that only reads


def decide_chaperoned(
    directory: Directory, facts: StanzaFacts, room: BareJid, present: Occupancy
) -> Decision | None:
    """Decide on what somebody who may enter a chaperoned room sends there; None where nothing speaks against it.

    Whoever is on no side of a barrier talks there freely, like anywhere.
    """
    chaperoned = directory.borders.chaperoned.get(room)
    if chaperoned is None or bare(facts.sender) not in chaperoned.watched or _says_nothing(facts):
        return None
    if facts.kind != "presence" and "/" in facts.to:  # presence to a nickname joins, or changes it
        return CHAPERONED_PRIVATE
    if facts.kind == "iq" and (facts.type == "get" or _ARCHIVE_QUERY in facts.elements):
        return None
    return None if present.has_any_of(chaperoned.chaperones, room) else CHAPERONE_ABSENT


def _says_nothing(facts: StanzaFacts) -> bool:
    """Tell whether it is a leave, an answer or a ping without a word in it: these pass, or nobody could leave."""
    if facts.text.strip():
        return False
    if facts.type == "unavailable":
        return True
    return facts.kind == "iq" and all(element == _PING for element in facts.elements)
