"""Who may reach whom: listed people, rooms and servers of one enterprise, and nobody else (default deny)."""

from policy.address import BareJid, bare, domain_of
from policy.decision import Decision, refuse, release
from policy.directory import Directory, Member, MemberKind
from policy.enterprise import EnterpriseId, Person
from policy.facts import NamedJid, StanzaFacts, Way

GATE_NAMESPACE = "urn:steelyard:gate:0"

ALLOWED = release()

# One error for all: a stranger, a departed colleague and a name that nobody bears must look the same.
OUT_OF_REACH = (
    "This line reaches people and rooms of your own enterprise only. "
    "Ask your compliance desk if this person should be reachable."
)


def _out_of_reach(rule: str) -> Decision:
    return refuse(rule, "cancel", "not-allowed", OUT_OF_REACH)  # RFC 6120, 8.3.3.10


SENDER_NOT_ADMITTED = _out_of_reach("sender-not-admitted")
RECIPIENT_NOT_ADMITTED = _out_of_reach("recipient-not-admitted")
RECIPIENT_OUTSIDE = _out_of_reach("recipient-outside")
NAMES_OUTSIDER = _out_of_reach("names-outsider")
GATE_ADDRESS = refuse(
    "gate-address",
    "cancel",
    "not-allowed",
    "This address is the recorder of the line and takes no messages. Write to the person you mean.",
)
GATE_PROTOCOL = refuse(
    "gate-namespace",
    "cancel",
    "not-allowed",
    "This stanza uses the recorder's own protocol, which clients must not. "
    "Tell your support desk which client you use.",
)
REFUSALS = (
    SENDER_NOT_ADMITTED,
    RECIPIENT_NOT_ADMITTED,
    RECIPIENT_OUTSIDE,
    NAMES_OUTSIDER,
    GATE_ADDRESS,
    GATE_PROTOCOL,
)

# What may speak by each way: no component speaks for a person, and no client for anything but a person.
_SPEAKERS = {
    Way.C2S: frozenset({MemberKind.PERSON}),
    Way.S2S: frozenset(MemberKind),
    Way.COMPONENT: frozenset({MemberKind.ROOM, MemberKind.ROOMS, MemberKind.COMPONENT}),
    Way.SERVER: frozenset(MemberKind),
}

# Elements whose `jid` or `to` makes the server, a room or the other client turn to that address.
_ROSTER_ITEM = "{jabber:iq:roster}item"  # RFC 6121, 2
_ROOM_AFFILIATION = "{http://jabber.org/protocol/muc#admin}item"  # XEP-0045, 9
_NODE_AFFILIATION = "{http://jabber.org/protocol/pubsub#owner}affiliation"  # XEP-0060, 8.9
_NODE_SUBSCRIPTION = "{http://jabber.org/protocol/pubsub#owner}subscription"  # XEP-0060, 8.8
_REACHES_FOR = frozenset(
    {
        _ROSTER_ITEM,
        _ROOM_AFFILIATION,
        _NODE_AFFILIATION,
        _NODE_SUBSCRIPTION,
        "{http://jabber.org/protocol/rosterx}item",  # XEP-0144: suggests a contact
        "{http://jabber.org/protocol/muc#user}invite",  # XEP-0045, 7.8.2: the room invites them
        "{http://jabber.org/protocol/muc#user}decline",
        "{http://jabber.org/protocol/muc#owner}destroy",  # XEP-0045, 10.9: names the room to go to instead
        "{jabber:x:conference}x",  # XEP-0249: invites to that room
        "{http://jabber.org/protocol/address}address",  # XEP-0033: the server sends it on to them
        "{urn:xmpp:push:0}enable",  # XEP-0357: the server tells that service of each message
    }
)
# What takes an address away instead of reaching for it is always allowed, or nobody could tidy up.
_LETS_GO_BY_SUBSCRIPTION = {_ROSTER_ITEM: ("remove",), _NODE_SUBSCRIPTION: ("none",)}
_LETS_GO_BY_AFFILIATION = {_ROOM_AFFILIATION: ("none", "outcast"), _NODE_AFFILIATION: ("none", "outcast")}


def decide_affiliation(directory: Directory, facts: StanzaFacts) -> Decision:
    """Decide whether the sender may reach the recipient and everybody whom the stanza names.

    docs/policy.md, section 3. `facts.sender` and `facts.to` must be as the server prepared them.
    Refusals are `not-allowed` errors.
    """
    if facts.way is Way.SESSION:
        return ALLOWED
    if facts.way is Way.CANARY:  # the gate's own, to itself; nothing else may call itself one
        return ALLOWED if facts.sender == facts.to == directory.gate else GATE_PROTOCOL
    if facts.way is Way.GATE:  # the gate knows what it asked for (docs/review.md), and does not ask here
        return GATE_PROTOCOL
    members = directory.members
    if facts.way is Way.COMPONENT and facts.sender in directory.services:
        return _decide_service(directory, facts)
    sender = members.get(bare(facts.sender))
    if sender is None or sender.kind not in _SPEAKERS[facts.way]:
        return SENDER_NOT_ADMITTED
    if "{" + GATE_NAMESPACE + "}" in "".join(facts.elements):
        return GATE_PROTOCOL
    if facts.to:
        recipient = members.get(bare(facts.to))
        if recipient is None or recipient.enterprise != sender.enterprise:
            return _refuse_recipient(directory, sender, facts.to)
    elif facts.way is Way.S2S or facts.way is Way.COMPONENT:  # they have no account here that it could be for
        return RECIPIENT_OUTSIDE
    if facts.jids and facts.way is not Way.SERVER and _names_outsider(directory, sender, facts.jids):
        return NAMES_OUTSIDER
    return ALLOWED


def may_reach(directory: Directory, first: BareJid, second: BareJid) -> bool:
    """Say whether two people may reach each other; a stranger reaches nobody."""
    one, other = directory.people.get(first), directory.people.get(second)
    if one is None or other is None:
        return False
    return directory.members[first].enterprise == directory.members[second].enterprise


def reachable_people(directory: Directory, jid: BareJid) -> tuple[Person, ...]:
    """Return whom a person may reach, without themselves, sorted by JID: nobody, for a stranger."""
    member = directory.members.get(jid)
    if member is None or member.kind is not MemberKind.PERSON:
        return ()
    firm = next(firm for firm in directory.enterprises if firm.id == member.enterprise)
    return tuple(person for person in firm.people if person.jid != jid)


def _decide_service(directory: Directory, facts: StanzaFacts) -> Decision:
    """Let a component of the line's own write to everybody who is listed, and to nobody else."""
    if "{" + GATE_NAMESPACE + "}" in "".join(facts.elements):
        return GATE_PROTOCOL
    return ALLOWED if bare(facts.to) in directory.members else RECIPIENT_OUTSIDE


def _refuse_recipient(directory: Directory, sender: Member, to: str) -> Decision:
    if domain_of(to) == directory.gate:
        return GATE_ADDRESS
    if directory.find_enterprise(to) == sender.enterprise:
        return RECIPIENT_NOT_ADMITTED
    return RECIPIENT_OUTSIDE


def _names_outsider(directory: Directory, sender: Member, jids: tuple[NamedJid, ...]) -> bool:
    return any(
        named.jid
        and named.element in _REACHES_FOR
        and not _lets_go(named)
        and not _belongs_to(directory, sender.enterprise, named.jid)
        for named in jids
    )


def _lets_go(named: NamedJid) -> bool:
    by_subscription = _LETS_GO_BY_SUBSCRIPTION.get(named.element, ())
    by_affiliation = _LETS_GO_BY_AFFILIATION.get(named.element, ())
    return named.subscription in by_subscription or named.affiliation in by_affiliation


def _belongs_to(directory: Directory, enterprise: EnterpriseId, jid: str) -> bool:
    """Say whether a JID is listed as the client wrote it, but for its capital letters."""
    member = directory.members.get(BareJid(bare(jid).lower()))
    return member is not None and member.enterprise == enterprise
