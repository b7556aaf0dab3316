"""Who may reach whom: listed people, rooms and servers of one enterprise, and nobody else (default deny)."""

from policy.address import BareJid, bare, domain_of, fold_address
from policy.decision import Action, Decision, refuse, release
from policy.directory.directory import Directory, Member, MemberKind
from policy.directory.enterprise import EnterpriseId, Person
from policy.facts import NamedJid, StanzaFacts, Way
from policy.reach.borders import FREE
from policy.reach.chaperone import decide_chaperoned, decide_farewell
from policy.reach.occupancy import NOBODY, Occupancy
from policy.reach.own_account import ACCOUNT_CHANGE, changes_password, is_account_change

GATE_NAMESPACE = "urn:steelyard:gate:0"

ALLOWED = release()

# One error for all: a stranger, a departed colleague and an unknown name must look the same.
OUT_OF_REACH = (
    "This line reaches people and rooms of your own enterprise only. "
    "Ask your compliance desk if this person should be reachable."
)


def _out_of_reach(rule: str) -> Decision:
    return refuse(rule, "cancel", "not-allowed", OUT_OF_REACH)  # RFC 6120, 8.3.3.10


# It tells the sender only about themselves. The server says the same at the login (mod_former_accounts).
SENDER_NOT_ADMITTED = refuse(
    "sender-not-admitted",
    "cancel",
    "not-allowed",
    "Your access to this line has ended, or has not begun. Ask your compliance desk if this is wrong.",
)
RECIPIENT_NOT_ADMITTED = _out_of_reach("recipient-not-admitted")
RECIPIENT_BARRED = _out_of_reach("recipient-barred")
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
NOTICE_UNACKNOWLEDGED = refuse(
    "notice-unacknowledged",
    "cancel",
    "not-allowed",
    "This line is recorded, and you have not acknowledged that yet. "
    "Answer the message about the recording with the word yes, then send this again.",
)
# Clients join rooms as soon as they are online, and most do so once: an error would leave them outside for good.
JOIN_WAITS = Decision(Action.HOLD, NOTICE_UNACKNOWLEDGED.rules)
REFUSALS = (
    SENDER_NOT_ADMITTED,
    RECIPIENT_NOT_ADMITTED,
    RECIPIENT_BARRED,
    RECIPIENT_OUTSIDE,
    NAMES_OUTSIDER,
    GATE_ADDRESS,
    GATE_PROTOCOL,
    ACCOUNT_CHANGE,
    NOTICE_UNACKNOWLEDGED,
)

# What may speak by each way: no component speaks for a person, and no client for anything but a person.
_SPEAKERS = {
    Way.C2S: frozenset({MemberKind.PERSON}),
    Way.S2S: frozenset(MemberKind),
    Way.COMPONENT: frozenset({MemberKind.ROOM, MemberKind.ROOMS, MemberKind.COMPONENT}),
    Way.SERVER: frozenset(MemberKind),
}

# These have no account here that a stanza without a recipient could be for.
_HAVE_NO_ACCOUNT = frozenset({Way.S2S, Way.COMPONENT})

# Whom the access and the transfer component hear: those who have an account here. Of these the one lets only approvers
# decide, and the other gives slots only to people who are admitted.
_REACH_SERVICES = frozenset({Way.C2S, Way.SERVER})

# Elements whose `jid` or `to` makes the server, a room or the other client turn to that address.
_DIRECT_INVITATION = "{jabber:x:conference}x"  # XEP-0249
_ROOM_INVITATION = "{http://jabber.org/protocol/muc#user}invite"  # XEP-0045, 7.8.2: the room invites them
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
        _ROOM_INVITATION,
        "{http://jabber.org/protocol/muc#user}decline",
        "{http://jabber.org/protocol/muc#owner}destroy",  # XEP-0045, 10.9: names the room to go to instead
        _DIRECT_INVITATION,
        "{http://jabber.org/protocol/address}address",  # XEP-0033: the server sends it on to them
        "{urn:xmpp:push:0}enable",  # XEP-0357: the server tells that service of each message
    }
)
# Those that bring the address and the recipient together: somebody and a room.
_BRINGS_TOGETHER = frozenset({_DIRECT_INVITATION, _ROOM_INVITATION, _ROOM_AFFILIATION})
# Removing an address is always allowed, because otherwise nobody could tidy up.
_LETS_GO_BY_SUBSCRIPTION = {_ROSTER_ITEM: ("remove",), _NODE_SUBSCRIPTION: ("none",)}
_LETS_GO_BY_AFFILIATION = {_ROOM_AFFILIATION: ("none", "outcast"), _NODE_AFFILIATION: ("none", "outcast")}


# Stands for everybody who is not listed, so that the decision on them takes the same steps.
_NO_MEMBER = Member(EnterpriseId(""), MemberKind.PERSON)


def reachable_people(directory: Directory, jid: BareJid) -> tuple[Person, ...]:
    """Return everybody whom a person may reach, by their sorted JIDs; nobody if the person is not listed."""
    member = directory.members.get(jid)
    if member is None or member.kind is not MemberKind.PERSON:
        return ()
    (firm,) = (firm for firm in directory.enterprises if firm.id == member.enterprise)
    standings = directory.borders.standings
    own = standings.get(jid, FREE)
    if own is FREE:
        return tuple(person for person in firm.people if person.jid != jid)
    # Equal standings are one object, and there are few: each is compared once, and each exception looked up.
    apart = {id(each): own.is_barred(each) or own.is_unlisted(each) for each in (FREE, *standings.values())}
    return tuple(
        person
        for person in firm.people
        if person.jid != jid
        and not (
            apart[id(standings.get(person.jid, FREE))] and directory.borders.keeps_apart(jid, person.jid)
        )
    )


def decide_affiliation(directory: Directory, facts: StanzaFacts, present: Occupancy = NOBODY) -> Decision:
    """Decide whether the sender may reach the recipient and everybody whom the stanza names.

    docs/policy.md, section 3. `facts.sender` and `facts.to` must be as the server prepared them; `present` says
    which chaperones are in their rooms. Refusals are `not-allowed` errors, but for `chaperone-absent`.
    """
    if facts.way is Way.SESSION:
        return ALLOWED
    if facts.way is Way.CANARY:  # the gate's own, to itself; nothing else may call itself one
        return ALLOWED if facts.sender == facts.to == directory.gate else GATE_PROTOCOL
    if facts.way is Way.GATE:  # the gate knows what it asked for (docs/review.md), and does not ask here
        return GATE_PROTOCOL
    # Also from an address at it, from which it writes to people (`notice_address`).
    if facts.way is Way.COMPONENT and domain_of(facts.sender) in directory.services:
        return _decide_service(directory, facts)
    from_ = bare(facts.sender)
    sender = directory.members.get(from_)
    if sender is None or sender.kind not in _SPEAKERS[facts.way]:
        return SENDER_NOT_ADMITTED
    if facts.kind == "iq" and is_account_change(facts):
        return ACCOUNT_CHANGE
    if "{" + GATE_NAMESPACE + "}" in "".join(facts.elements) and not changes_password(facts):
        return GATE_PROTOCOL
    is_early = facts.way is Way.C2S and from_ in directory.uninformed and not _only_signs_in(directory, facts)
    if is_early and not _joins(directory, facts):
        return NOTICE_UNACKNOWLEDGED
    if refusal := _decide_recipient(directory, facts, sender, present):
        return refusal
    if facts.jids and facts.way is not Way.SERVER and _names_outsider(directory, sender, facts):
        return NAMES_OUTSIDER
    return JOIN_WAITS if is_early else ALLOWED


def _decide_recipient(
    directory: Directory, facts: StanzaFacts, sender: Member, present: Occupancy
) -> Decision | None:
    """Decide whether the sender may reach the recipient; None if nothing is against it."""
    if not facts.to:
        if facts.way in _HAVE_NO_ACCOUNT:
            return RECIPIENT_OUTSIDE
        return decide_farewell(directory, facts, present)
    if facts.way in _REACH_SERVICES and (_is_access(directory, facts.to) or _asks_transfer(directory, facts)):
        return None
    to = bare(facts.to)
    recipient = directory.members.get(to, _NO_MEMBER)
    apart = _are_apart(directory, sender, bare(facts.sender), recipient, to)
    if apart or recipient.enterprise != sender.enterprise:
        return _refuse_recipient(directory, sender, recipient, to)
    return decide_chaperoned(directory, facts, to, present) if recipient.kind is MemberKind.ROOM else None


def _decide_service(directory: Directory, facts: StanzaFacts) -> Decision:
    """Decide for a component of the line: it may write to everybody who is listed, and to nobody else."""
    if "{" + GATE_NAMESPACE + "}" in "".join(facts.elements):
        return GATE_PROTOCOL
    # To itself: what it has recorded by the gate.
    is_listed = bare(facts.to) in directory.members or facts.to == facts.sender
    return ALLOWED if is_listed else RECIPIENT_OUTSIDE


_STATUS_TEXT = "{jabber:client}status"
_PUBLISH = "{http://jabber.org/protocol/pubsub}publish"
_DISCOVERY = "{http://jabber.org/protocol/disco#info}query"
_OWN_SERVERS = frozenset({MemberKind.SITE, MemberKind.ROOMS})


def _is_access(directory: Directory, to: str) -> bool:
    return directory.access is not None and domain_of(to) == directory.access


def _asks_transfer(directory: Directory, facts: StanzaFacts) -> bool:
    return directory.transfer is not None and facts.to == directory.transfer and facts.kind == "iq"


def _only_signs_in(directory: Directory, facts: StanzaFacts) -> bool:
    """Return whether a client only needs this stanza to come online and get notices, and it carries no text."""
    to = bare(facts.to)
    if _is_access(directory, to):
        return True
    if facts.kind == "presence":
        return not to and _STATUS_TEXT not in facts.elements
    if facts.kind != "iq" or _PUBLISH in facts.elements:
        return False
    recipient = directory.members.get(to)
    if recipient is not None and recipient.kind is MemberKind.ROOM:
        # What many clients ask a room before they join it; a nickname would be somebody in it.
        return facts.type == "get" and facts.to == to and _DISCOVERY in facts.elements
    return to in ("", bare(facts.sender)) or (recipient is not None and recipient.kind in _OWN_SERVERS)


def _joins(directory: Directory, facts: StanzaFacts) -> bool:
    """Return whether a person joins a room, or is available there by another presence."""
    recipient = directory.members.get(bare(facts.to))
    is_room = recipient is not None and recipient.kind is MemberKind.ROOM
    return facts.kind == "presence" and not facts.type and is_room and "/" in facts.to


def _are_apart(
    directory: Directory, one: Member, one_jid: BareJid, other: Member, other_jid: BareJid
) -> bool:
    """Return whether a border inside their enterprise is between two of its people, or between one and a room."""
    borders = directory.borders
    if one.kind is other.kind is MemberKind.PERSON:
        return borders.keeps_apart(one_jid, other_jid)
    if other.kind is MemberKind.ROOM and one.kind is MemberKind.PERSON:
        return borders.closes(other_jid, one_jid)
    if one.kind is MemberKind.ROOM and other.kind is MemberKind.PERSON:
        return borders.closes(one_jid, other_jid)
    return False


def _refuse_recipient(directory: Directory, sender: Member, recipient: Member, to: BareJid) -> Decision:
    """Return a refusal that names the rule, with the same look-ups in every case, so that its time reveals nothing."""
    inside = directory.find_enterprise(to) == sender.enterprise
    if domain_of(to) == directory.gate:
        return GATE_ADDRESS
    if not inside:
        return RECIPIENT_OUTSIDE
    return RECIPIENT_NOT_ADMITTED if recipient is _NO_MEMBER else RECIPIENT_BARRED


def _names_outsider(directory: Directory, sender: Member, facts: StanzaFacts) -> bool:
    return any(
        named.jid
        and named.element in _REACHES_FOR
        and not _lets_go(named)
        and not _is_in_reach(directory, sender, facts, named)
        for named in facts.jids
    )


def _lets_go(named: NamedJid) -> bool:
    by_subscription = _LETS_GO_BY_SUBSCRIPTION.get(named.element, ())
    by_affiliation = _LETS_GO_BY_AFFILIATION.get(named.element, ())
    return named.subscription in by_subscription or named.affiliation in by_affiliation


def _is_in_reach(directory: Directory, sender: Member, facts: StanzaFacts, named: NamedJid) -> bool:
    """Return whether a JID, which is whom the server takes it for, is of those whom its people may reach.

    These are the sender and, where a room or a server speaks, the recipient. Who is invited to a room, or given a place
    in it, may enter it.
    """
    jid = BareJid(fold_address(bare(named.jid)))
    member = directory.members.get(jid)
    if member is None or member.enterprise != sender.enterprise:
        return False
    if sender.kind is MemberKind.PERSON and _are_apart(directory, sender, bare(facts.sender), member, jid):
        return False
    if sender.kind is MemberKind.PERSON and named.element not in _BRINGS_TOGETHER:
        return True
    to = bare(facts.to)
    recipient = directory.members.get(to)
    return recipient is None or not _are_apart(directory, recipient, to, member, jid)
