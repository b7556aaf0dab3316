"""Refuses what only servers and rooms say, where a person says it: clients would show it as another's word.

Copies of other people's messages, answers of an archive, notifications, what a room tells, the server's own requests to
a client. Careful clients look who sent it; not all are careful.
"""

from policy.address import bare, domain_of, fold_address
from policy.content.descendants import DELAYS
from policy.content.refusals import FORGED
from policy.decision import Decision
from policy.directory.directory import Directory, MemberKind
from policy.facts import StanzaFacts, Way

_MUC = "{http://jabber.org/protocol/muc#user}"
_ADDRESS = "{http://jabber.org/protocol/address}address"
_ORIGINAL_SENDER = "ofrom"  # XEP-0033, 4.2.6

# A server makes these for an account of its own alone (XEP-0280, 7), so none comes from another server either.
_COPIES = frozenset(
    f"{{urn:xmpp:carbons:{version}}}{name}" for version in range(3) for name in ("received", "sent")
)
_ARCHIVED = frozenset(
    f"{{urn:xmpp:mam:{version}}}result" for version in ("tmp", "0", "1", "2")
)  # XEP-0313, 4.2
_NOTIFIES = frozenset({"{http://jabber.org/protocol/pubsub#event}event"})  # XEP-0060, 7.1.2; XEP-0163, 4.3
# What a room tells of itself and of people in it (XEP-0045), what its moderators took back (XEP-0425), and who holds
# which office (XEP-0317).
_ROOM_TELLS = frozenset(
    {
        "{urn:xmpp:message-moderate:0}moderated",
        "{urn:xmpp:message-moderate:1}moderated",
        *(f"{_MUC}{name}" for name in ("item", "status", "destroy")),
        "{urn:xmpp:hats:0}hats",
        "{http://prosody.im/protocol/hats:1}hats",
    }
)
_ROOM_PASSES_ON = frozenset({f"{_MUC}invite", f"{_MUC}decline"})  # said to a room, which says it to a person
# What a server tells a client of its own account (RFC 6121, 2.1.6; XEP-0191, 3.3; XEP-0016, 2.7).
_PUSHES = frozenset(
    {
        "{jabber:iq:roster}query",
        "{jabber:iq:privacy}query",
        *(f"{{urn:xmpp:blocking}}{name}" for name in ("block", "unblock")),
    }
)
_SUSPECTS = _COPIES | _ARCHIVED | _NOTIFIES | _ROOM_TELLS | _ROOM_PASSES_ON | _PUSHES | DELAYS | {_ADDRESS}
_FROM_OUTSIDE = frozenset({Way.C2S, Way.S2S, Way.COMPONENT})


def decide_forged(directory: Directory, facts: StanzaFacts) -> Decision | None:
    """Decide whether a stanza has what its sender cannot truly say (docs/policy.md, section 4); None if it has not."""
    if _SUSPECTS.isdisjoint(facts.elements) or facts.way not in _FROM_OUTSIDE:
        return None
    elements = _SUSPECTS.intersection(facts.elements)
    if elements & _COPIES or (elements & _ARCHIVED and not _is_archive(directory, facts)):
        return FORGED
    sender = directory.members.get(bare(facts.sender))
    if sender is None:
        return None
    is_person = sender.kind is MemberKind.PERSON
    if (is_person or facts.way is Way.S2S) and _pushes_to_another(facts, elements):
        return FORGED
    return FORGED if is_person and _is_forged_by_person(directory, facts, elements) else None


def _pushes_to_another(facts: StanzaFacts, elements: frozenset[str]) -> bool:
    """Return whether this tells somebody else's client what only the server of its account says to it."""
    is_told = facts.type in ("set", "result")
    return bool(elements & _PUSHES) and is_told and bare(facts.to) not in ("", bare(facts.sender))


def _is_forged_by_person(directory: Directory, facts: StanzaFacts, elements: frozenset[str]) -> bool:
    if elements & _ROOM_TELLS or (elements & _ROOM_PASSES_ON and not _is_to_room(directory, facts)):
        return True
    # Their server speaks for the account; a client of theirs has a resource.
    if elements & _NOTIFIES and (facts.way is Way.C2S or "/" in facts.sender):
        return True
    if _ADDRESS in elements and _ORIGINAL_SENDER in facts.attributes:
        return True
    return bool(elements & DELAYS) and not _is_own_delay(directory, facts)


def _is_archive(directory: Directory, facts: StanzaFacts) -> bool:
    """Return whether the sender is an archive that people of other servers may ask: that of a room."""
    member = directory.members.get(bare(facts.sender))
    return member is not None and member.kind is MemberKind.ROOM and "/" not in facts.sender


def _is_to_room(directory: Directory, facts: StanzaFacts) -> bool:
    recipient = directory.members.get(bare(facts.to))
    return recipient is not None and recipient.kind is MemberKind.ROOM


def _is_own_delay(directory: Directory, facts: StanzaFacts) -> bool:
    """Return whether every delay is said of oneself: a client may send later what was written before it had a network.

    Of people at another site, their server or its gate may say it, too, whatever the gate's domain is: that gate has
    refused what they themselves may not say.
    """
    by_server = facts.way is Way.S2S
    own = bare(facts.sender)
    said_by = [fold_address(bare(each.jid)) for each in facts.jids if each.element in DELAYS]
    return all(by == own or (by_server and _may_be_server_of(directory, own, by)) for by in said_by)


def _may_be_server_of(directory: Directory, person: str, by: str) -> bool:
    """Return whether a domain may be that of a person's server or gate, as it is none of ours or of a third site."""
    is_others = by == directory.gate or by in directory.services or by in directory.members
    return by != "" and by == domain_of(by) and (by == domain_of(person) or not is_others)
