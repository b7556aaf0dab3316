"""Who joins and leaves rooms, who removes others or what they said, and what one has read, by presence and requests."""

from lxml import etree

from components.audit.mark import Mark, Marks
from components.audit.stanza_tree import StanzaTree, id_of, split_address, text_of

_MUC = "{http://jabber.org/protocol/muc}x"  # XEP-0045, 7.2
_MUC_USER = "{http://jabber.org/protocol/muc#user}"
_MUC_ADMIN = "{http://jabber.org/protocol/muc#admin}"
_MODERATE = ("{urn:xmpp:message-moderate:1}moderate", "{urn:xmpp:message-moderate:0}moderate")  # XEP-0425
_REASONS = ("{urn:xmpp:message-moderate:1}reason", "{urn:xmpp:message-moderate:0}reason")
_PUBSUB = "{http://jabber.org/protocol/pubsub}"  # XEP-0060
_DISPLAYED = f"{_PUBSUB}publish[@node='urn:xmpp:mds:displayed:0']/{_PUBSUB}item"  # XEP-0490
_DISPLAYED_ID = "{urn:xmpp:mds:displayed:0}displayed/{urn:xmpp:sid:0}stanza-id"
_NICK_CHANGED = "303"
_LARGEST_COUNT = 100


def read_presence(stanza: StanzaTree, marks: Marks) -> Marks:
    """Read a presence: to a room one asks to be let in or leaves; from a room it says who is in it (XEP-0045, 7)."""
    told = stanza.first.get(f"{_MUC_USER}x")
    room, nick = split_address(stanza.get("to" if told is None else "from"))
    about = _with_told(marks._replace(room=room, nick=nick), told)
    if marks.type == "unavailable":
        # Who takes another nickname looks as if they had left (7.6).
        is_leaving = bool(nick) and _NICK_CHANGED not in about.detail.split()
        return about._replace(mark=Mark.LEAVE) if is_leaving else marks
    is_join = marks.type == "" and bool(nick) and (told is not None or _MUC in stanza.first)
    return about._replace(mark=Mark.JOIN) if is_join else marks


def _with_told(marks: Marks, told: etree._Element | None) -> Marks:
    if told is None:
        return marks
    codes = (each.get("code") or "" for each in told.findall(f"{_MUC_USER}status")[:_LARGEST_COUNT])
    item = told.find(f"{_MUC_USER}item")
    jid = "" if item is None else split_address(item.get("jid"))[0]
    reason = "" if item is None else text_of(item.find(f"{_MUC_USER}reason"))
    return marks._replace(detail=" ".join(codes), person=jid, reason=reason)


def read_iq(stanza: StanzaTree, marks: Marks) -> Marks:
    """Read a request: a moderator's to retract (XEP-0425) or to remove (XEP-0045, 8.2), or what one has read."""
    if marks.type != "set":
        return marks
    marks = marks._replace(room=split_address(stanza.get("to"))[0])
    for read in (_find_moderation, _find_removal, _find_displayed):
        if (found := read(stanza, marks)) is not None:
            return found
    return marks._replace(room="")


def _find_moderation(stanza: StanzaTree, marks: Marks) -> Marks | None:
    moderate = next(stanza.root.iter(*_MODERATE), None)
    if moderate is None:
        return None
    # Until version 0.3, the id stood around it (XEP-0422).
    target = id_of(moderate) or id_of(moderate.getparent())
    reason = text_of(next(moderate.iter(*_REASONS), None))
    return marks._replace(mark=Mark.RETRACTION, target=target, reason=reason, is_by_moderator=True)


def _find_removal(stanza: StanzaTree, marks: Marks) -> Marks | None:
    query = stanza.first.get(f"{_MUC_ADMIN}query")
    for item in () if query is None else query.findall(f"{_MUC_ADMIN}item"):
        if item.get("role") == "none" or item.get("affiliation") == "outcast":
            about = marks._replace(nick=item.get("nick") or "", person=split_address(item.get("jid"))[0])
            reason = text_of(item.find(f"{_MUC_ADMIN}reason"))
            return about._replace(mark=Mark.LEAVE, is_by_moderator=True, reason=reason)
    return None


def _find_displayed(stanza: StanzaTree, marks: Marks) -> Marks | None:
    """Find what a person tells their own devices: the item's name is whose messages they have read."""
    pubsub = stanza.first.get(f"{_PUBSUB}pubsub")
    item = None if pubsub is None else pubsub.find(_DISPLAYED)
    if item is None:
        return None
    about = marks._replace(room="", person=id_of(item), detail="displayed")
    return about._replace(mark=Mark.MARKER, target=id_of(item.find(_DISPLAYED_ID)))
