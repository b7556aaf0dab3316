"""The review queue, pure: what waits for a reviewer, what is on its way to its recipient, and what becomes of it.

An item lives from the verdict that keeps a stanza back (or tells its sender something) until what follows from it is
carried out. The gate stores each new state before it acts on it (docs/review.md).
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from xml.sax.saxutils import escape, quoteattr

from policy.decision import StanzaError
from policy.facts import Way
from policy.utc import format_utc

_LOST = (
    "<error type='wait'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
    "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>"
    "The server failed before it could deliver this. Nothing was sent. Please send it again.</text></error>"
)

MAX_ATTEMPTS = 3
"""How often a stanza is handed to the server that hands it back, before a person must look at it."""

_NS_PER_S = 1_000_000_000
_CLIENT = "jabber:client"
_DELAY = "urn:xmpp:delay"  # XEP-0203
_STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
_JOIN = b"http://jabber.org/protocol/muc"


class ItemKind(StrEnum):
    """What an item is: somebody's message that was held, what the gate tells a sender, and more.

    Somebody joins a room before they have acknowledged the notice of the recording; no reviewer decides on that. Or a
    sender is owed an error.
    """

    MESSAGE = "message"
    NOTICE = "notice"
    JOIN = "join"
    ERROR = "error"


class Stage(StrEnum):
    """Where an item is.

    `uncertain`: the server ended, or failed, while it may have been delivering this, or giving it back to its sender;
    only a person can go on.
    """

    WAITING = "waiting"
    OUTGOING = "outgoing"
    SENT = "sent"
    UNCERTAIN = "uncertain"


class ReviewAct(StrEnum):
    """What is decided on a held message."""

    RELEASE = "release"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Place:
    """A submission's number: `seq` of `epoch` (gate protocol, section 3)."""

    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class Item:
    """Something that the gate keeps until it is done with.

    `token` names it, also to the adapter. `stanza` is what is sent in the end. `record` is the index of the record
    that it goes back to, `held` the submission that is kept back, until the adapter has let go of it, `sent` the one
    that carries it now. Times are Unix time.
    `evidence` is a digest (hex) over what that record says: it is sealed, so whoever knows this has read it.
    `epoch` is that of the session that joins: a join ends with it.
    """

    token: str
    kind: ItemKind
    stage: Stage
    record: int
    way: Way
    sender: str
    to: str
    stanza: bytes
    rules: tuple[str, ...] = ()
    held: Place | None = None
    held_at_ns: int = 0
    deadline_ns: int = 0
    evidence: str = ""
    sent: Place | None = None
    attempts: int = 0
    epoch: str = ""


@dataclass(frozen=True, slots=True)
class Returned:
    """A stanza that a server took with it when it ended: what an error for it needs, and its record."""

    token: str
    record: int
    way: Way
    kind: str
    type: str
    sender: str
    to: str
    id: str


# Where what was on its way is when its server has ended. Whoever got an error had a session, which has ended with it;
# so has a join.
_STAGE_AFTER_SERVER = {
    ItemKind.MESSAGE: Stage.UNCERTAIN,
    ItemKind.NOTICE: Stage.OUTGOING,
    ItemKind.ERROR: Stage.WAITING,
}


def is_owed(item: Item) -> bool:
    """Return whether somebody is owed an error who has not come back yet."""
    return item.kind is ItemKind.ERROR and item.stage is Stage.WAITING


def owe_error(returned: Returned, now_ns: int, until_ns: int) -> Item:
    """Return the item of an error: for somebody's session when they have one, for others at once."""
    stage = Stage.WAITING if returned.way is Way.C2S else Stage.OUTGOING
    speaker = returned.to or returned.sender.partition("/")[0]
    stanza = (
        f"<{returned.kind} xmlns='{_CLIENT}' from={quoteattr(speaker)} to={quoteattr(returned.sender)} type='error' "
        f"id={quoteattr(returned.id)}>{_LOST}</{returned.kind}>"
    )
    return Item(
        returned.token, ItemKind.ERROR, stage, returned.record, Way.GATE, speaker, returned.sender,
        stanza.encode(), held_at_ns=now_ns, deadline_ns=until_ns,
    )  # fmt: skip


def address_error(item: Item, full_jid: str) -> Item:
    """Return the item of an error that goes out to this session of whom it is for."""
    old, new = (f" to={quoteattr(jid)} type='error'".encode() for jid in (item.to, full_jid))
    stanza = item.stanza.replace(old, new, 1)
    return replace(item, stage=Stage.OUTGOING, to=full_jid, stanza=stanza)


def is_due(item: Item, now_ns: int) -> bool:
    """Return whether nobody has decided on a held message in time."""
    return item.stage is Stage.WAITING and item.deadline_ns <= now_ns and can_be_decided(item)


def can_be_decided(item: Item) -> bool:
    """Return whether a held message may be decided on: it waits, or nobody knows what became of it.

    Not before the adapter has let go of it: until then it may still give it back to its sender.
    """
    return (
        item.kind is ItemKind.MESSAGE and item.stage in (Stage.WAITING, Stage.UNCERTAIN) and item.held is None
    )


def release_item(item: Item) -> Item:
    """Return the item of a held message that is to go out."""
    return replace(item, stage=Stage.OUTGOING, sent=None, attempts=0)


def mark_sent(item: Item, place: Place) -> Item:
    """Return the item after a submission that carries it was recorded; the verdict is about to be given."""
    return replace(item, stage=Stage.SENT, sent=place)


def settle_item(item: Item, epoch: str, done: int, bounced: Collection[int]) -> Item | None:
    """Return the item after a status of the adapter (gate protocol, 4.3); None when nothing is left to do for it.

    What was handed back goes out again; of what a server took with it when it ended, only notices do, which may come
    twice. A message whose time ran out before its verdict came is its sender's again, and no longer held.
    """
    held, sent = item.held, item.sent
    if item.kind is ItemKind.JOIN and item.epoch != epoch:
        return None
    if held is not None:
        if held.epoch == epoch and held.seq in bounced:
            return None
        if held.epoch != epoch:
            return replace(item, stage=Stage.UNCERTAIN, held=None)
        return replace(item, held=None) if done >= held.seq else item
    if item.stage is not Stage.SENT or sent is None:
        return item
    if sent.epoch != epoch:
        return replace(item, stage=_STAGE_AFTER_SERVER[item.kind], sent=None)
    if sent.seq in bounced:
        attempts = item.attempts + 1
        if attempts < MAX_ATTEMPTS:
            return replace(item, stage=Stage.OUTGOING, sent=None, attempts=attempts)
        return replace(item, stage=Stage.UNCERTAIN, sent=None) if item.kind is ItemKind.MESSAGE else None
    return None if done >= sent.seq else item


def is_refused(item: Item, epoch: str, refused: Collection[int]) -> bool:
    """Return whether the server answered what carries this item with an error: sending it again is no use."""
    sent = item.sent
    return item.stage is Stage.SENT and sent is not None and sent.epoch == epoch and sent.seq in refused


def delay_stanza(stanza: bytes, gate: str, held_at_ns: int) -> bytes:
    """Return a message that says when it was written (XEP-0203)."""
    stamp = format_utc(held_at_ns // _NS_PER_S)
    end = stanza.rindex(b"</")
    delay = f"<delay xmlns='{_DELAY}' from={quoteattr(gate)} stamp='{stamp}'/>"
    return stanza[:end] + delay.encode() + stanza[end:]


def joins_anew(item: Item, later: bytes) -> bool:
    """Return whether a later presence to the same place stands in for a join that waits.

    It does unless it is one from somebody who takes themselves to be in already (XEP-0045, 7.2.1).
    """
    return _JOIN in later or _JOIN not in item.stanza


def encode_join_error(item: Item, error: StanzaError) -> bytes:
    """Encode the answer to a join that is not carried out after all, as from the room (RFC 6120, 8.3.1)."""
    return (
        f"<presence xmlns='{_CLIENT}' from={quoteattr(item.to)} to={quoteattr(item.sender)} type='error'>"
        f"<error type={quoteattr(error.type)}><{error.condition} xmlns='{_STANZA_ERRORS}'/>"
        f"<text xmlns='{_STANZA_ERRORS}' xml:lang='en'>{escape(error.text)}</text></error></presence>"
    ).encode()


def encode_notice(from_: str, to: str, id_: str, text: str) -> bytes:
    """Encode what the gate tells somebody: a chat message, which every client shows and every server keeps."""
    return (
        f"<message xmlns='{_CLIENT}' from={quoteattr(from_)} to={quoteattr(to)} type='chat' id={quoteattr(id_)}>"
        f"<body>{escape(text)}</body></message>"
    ).encode()


def encode_room_notice(room: str, to: str, id_: str, text: str) -> bytes:
    """Encode what the gate tells somebody in a room, and nobody else there.

    It comes from the room itself, as its service messages do, from whose address nobody who is in it can speak
    (XEP-0045, 7.4), and says that it is the line's.
    """
    return (
        f"<message xmlns='{_CLIENT}' from={quoteattr(room)} to={quoteattr(to)} type='groupchat' id={quoteattr(id_)}>"
        f"<body>{escape(f'{LINE_SAYS} {text}')}</body></message>"
    ).encode()


def describe_outcome(to: str, said_at_ns: int, outcome: str, what: str = "message") -> str:
    """Return what a sender is told: what this is about, such as a message, and what became of it."""
    at = datetime.fromtimestamp(said_at_ns // _NS_PER_S, UTC).strftime("%H:%M")
    return f"Your {what} of {at} UTC to {to}: {outcome}"


LINE_SAYS = "[Recorded line]"

UNDELIVERABLE = (
    "it was reviewed, but the server could not deliver it, for instance as you have left the room."
)
RELEASED = "it was reviewed and has been sent now."
REFUSED = "it was reviewed and was not sent."
EXPIRED = "nobody could review it in time, so it was not sent."
OUT_OF_REACH_NOW = "it was reviewed, but you may not reach this address any more, so it was not sent."
UNCERTAIN = "it was to be sent, but the server failed meanwhile. Ask whether it arrived."
