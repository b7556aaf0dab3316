"""What a stanza does to a conversation: says something, corrects, retracts, reacts, acknowledges, joins a room."""

from collections.abc import Callable
from functools import lru_cache

from lxml import etree

from components.audit.mark import Mark, Marks
from components.audit.room_marks import read_iq, read_presence
from components.audit.stanza_tree import StanzaTree, id_of, read_tree, split_address, text_of

__all__ = ["Mark", "Marks", "read_marks"]

_SID = "{urn:xmpp:sid:0}"  # XEP-0359
_CORRECT = "{urn:xmpp:message-correct:0}replace"  # XEP-0308
_RETRACT = "{urn:xmpp:message-retract:1}retract"  # XEP-0424
_RETRACTED = "{urn:xmpp:message-retract:1}retracted"  # XEP-0424, 5: a tombstone
_RETRACT_REASON = "{urn:xmpp:message-retract:1}reason"
_OLD_RETRACT = "{urn:xmpp:message-retract:0}retract"  # XEP-0424 until 0.3, fastened (XEP-0422)
_APPLY_TO = "{urn:xmpp:fasten:0}apply-to"
_MODERATED = ("{urn:xmpp:message-moderate:1}moderated", "{urn:xmpp:message-moderate:0}moderated")  # XEP-0425
_OLD_REASON = "{urn:xmpp:message-moderate:0}reason"
_REACTIONS = "{urn:xmpp:reactions:0}reactions"  # XEP-0444
_REACTION = "{urn:xmpp:reactions:0}reaction"
_REPLY = "{urn:xmpp:reply:0}reply"  # XEP-0461
_RECEIVED = "{urn:xmpp:receipts}received"  # XEP-0184
_MARKERS = "{urn:xmpp:chat-markers:0}"  # XEP-0333
_MARKER_NAMES = ("displayed", "acknowledged", "received")
_CHAT_STATES = "{http://jabber.org/protocol/chatstates}"  # XEP-0085
_MUC_USER = "{http://jabber.org/protocol/muc#user}"  # XEP-0045
_INVITATION = "{jabber:x:conference}x"  # XEP-0249
_LARGEST_COUNT = 100  # of emojis, or of ids of one message: nobody shows more


# Several parts of the index read the same stanza, one after the other.
@lru_cache(maxsize=2)
def read_marks(body: bytes) -> Marks:
    """Return what a stanza does to a conversation; never raises: what cannot be read, or is an error, is `other`."""
    try:
        stanza = read_tree(body)
    except Exception:
        # Not well-formed: the stanza itself is there to read.
        return Marks(Mark.OTHER)
    return read_marks_of(stanza)


def read_marks_of(stanza: StanzaTree | None) -> Marks:
    """Return what a stanza that was read as a tree does to a conversation, as `read_marks` does."""
    try:
        read = _READERS.get(stanza.name) if stanza is not None else None
        if stanza is None or read is None:
            return Marks(Mark.OTHER)
        marks = _read_ids(stanza)
        return marks if marks.type == "error" else read(stanza, marks)
    except Exception:
        # A mistake of ours, which this stanza brings out.
        return Marks(Mark.OTHER)


def _read_ids(stanza: StanzaTree) -> Marks:
    ids: tuple[tuple[str, str], ...] = ()
    if f"{_SID}stanza-id" in stanza.first:
        named = stanza.root.findall(f"{_SID}stanza-id")[:_LARGEST_COUNT]
        ids = tuple((each.get("by") or "", id_of(each)) for each in named)
    reply = stanza.first.get(_REPLY)
    return Marks(
        Mark.OTHER,
        id=stanza.get("id"),
        origin_id=id_of(stanza.first.get(f"{_SID}origin-id")),
        stanza_ids=ids,
        reply_to=id_of(reply),
        person="" if reply is None else reply.get("to") or "",
        thread=stanza.text("thread"),
        type=stanza.get("type"),
        kind=stanza.name,
        sender=stanza.get("from"),
        to=stanza.get("to"),
    )


def _read_message(stanza: StanzaTree, marks: Marks) -> Marks:
    room, nick = _read_room(stanza, marks.type)
    marks = marks._replace(room=room, nick=nick) if room or nick else marks
    found = [mark for read in _OF_MESSAGES if (mark := read(stanza, marks)) is not None]
    if not found:
        return marks
    first, *others = found
    also = tuple((each.mark, each.target) for each in others if each.target)
    return first._replace(also=also) if also else first


def _read_room(stanza: StanzaTree, type_: str) -> tuple[str, str]:
    """Return the room, and the nickname where it stands in an address (XEP-0045, 7.4 and 7.5)."""
    to, nick_to = split_address(stanza.get("to"))
    if type_ == "groupchat":
        # A person writes to the room itself, and the room to each person's session.
        return split_address(stanza.get("from")) if nick_to else (to, "")
    return (to, nick_to) if f"{_MUC_USER}x" in stanza.first and nick_to else ("", "")


def _find_retraction(stanza: StanzaTree, marks: Marks) -> Marks | None:
    """Find a retraction; a tombstone without a text, too, which says that the message itself was retracted."""
    retract = stanza.first.get(_RETRACT)
    applied = stanza.first.get(_APPLY_TO)
    if retract is None and applied is not None and applied.find(f".//{_OLD_RETRACT}") is not None:
        retract = applied
    target = id_of(retract)
    if retract is None and "body" not in stanza.first:
        retract, target = stanza.first.get(_RETRACTED), marks.id
    if retract is None:
        return None
    found = marks._replace(mark=Mark.RETRACTION, target=target)
    moderated = next((each for each in retract if each.tag in _MODERATED), None)
    if moderated is None:
        return found
    reason = next(retract.iter(_RETRACT_REASON, _OLD_REASON), None)
    return found._replace(is_by_moderator=True, person=moderated.get("by") or "", reason=text_of(reason))


def _find_correction(stanza: StanzaTree, marks: Marks) -> Marks | None:
    corrected = id_of(stanza.first.get(_CORRECT))
    return marks._replace(mark=Mark.CORRECTION, target=corrected) if corrected else None


def _find_reaction(stanza: StanzaTree, marks: Marks) -> Marks | None:
    """Find a reaction: all that the person reacts with from now on, in their order, each once (XEP-0444, 4.1)."""
    reactions = stanza.first.get(_REACTIONS)
    if reactions is None:
        return None
    emojis = dict.fromkeys(text_of(each) for each in reactions.findall(_REACTION))
    shown = tuple(emoji for emoji in emojis if emoji)[:_LARGEST_COUNT]
    return marks._replace(mark=Mark.REACTION, target=id_of(reactions), emojis=shown)


def _find_body(stanza: StanzaTree, marks: Marks) -> Marks | None:
    # Most messages are this, and `_replace` takes longer.
    return Marks._make((Mark.MESSAGE, *marks[1:])) if "body" in stanza.first else None


def _find_subject(stanza: StanzaTree, marks: Marks) -> Marks | None:
    """Find a room's new subject, which stands without a body and a thread (XEP-0045, 8.1)."""
    is_set = "subject" in stanza.first and marks.type == "groupchat"
    is_said = "body" in stanza.first or "thread" in stanza.first
    return marks._replace(mark=Mark.SUBJECT) if is_set and not is_said else None


def _find_invitation(stanza: StanzaTree, marks: Marks) -> Marks | None:
    direct = stanza.first.get(_INVITATION)
    if direct is not None and direct.get("jid"):
        return _invite(marks, direct.get("jid"), stanza.get("to"), direct.get("reason") or "")
    told = stanza.first.get(f"{_MUC_USER}x")
    invite = None if told is None else told.find(f"{_MUC_USER}invite")
    if invite is None:
        return None
    # To the room it names who is invited, from the room who invites (XEP-0045, 7.8.2).
    invited, reason = invite.get("to"), text_of(invite.find(f"{_MUC_USER}reason"))
    room, person = (stanza.get("to"), invited) if invited else (stanza.get("from"), stanza.get("to"))
    return _invite(marks, room, person, reason)


def _invite(marks: Marks, room: str | None, person: str | None, reason: str) -> Marks:
    where, whom = split_address(room)[0], split_address(person)[0]
    return marks._replace(mark=Mark.INVITE, room=where, person=whom, reason=reason)


def _find_receipt(stanza: StanzaTree, marks: Marks) -> Marks | None:
    received = stanza.first.get(_RECEIVED)
    # Before version 1.1, a receipt repeated the message's own id instead of naming it.
    return None if received is None else marks._replace(mark=Mark.RECEIPT, target=id_of(received) or marks.id)


def _find_marker(stanza: StanzaTree, marks: Marks) -> Marks | None:
    for name in _MARKER_NAMES:
        if named := id_of(stanza.first.get(f"{_MARKERS}{name}")):
            return marks._replace(mark=Mark.MARKER, target=named, detail=name)
    return None


def _find_chat_state(stanza: StanzaTree, marks: Marks) -> Marks | None:
    for name in stanza.first:
        if name.startswith(_CHAT_STATES):
            return marks._replace(mark=Mark.CHAT_STATE, detail=etree.QName(name).localname)
    return None


# The first that a message is counts. So a correction's text is a correction, and the text that clients without
# reactions show (XEP-0428) is a reaction.
_OF_MESSAGES: tuple[Callable[[StanzaTree, Marks], Marks | None], ...] = (
    _find_retraction,
    _find_correction,
    _find_reaction,
    _find_invitation,
    _find_body,
    _find_subject,
    _find_receipt,
    _find_marker,
    _find_chat_state,
)

_READERS: dict[str, Callable[[StanzaTree, Marks], Marks]] = {
    "message": _read_message,
    "presence": read_presence,
    "iq": read_iq,
}
