"""The review queue, pure: items that wait for a reviewer or are on their way, and their next states.

An item exists from the verdict that holds a stanza (or sends its sender a notice) until everything that follows from
it is carried out. The gate stores each new state before it acts on it (docs/review.md).
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from xml.sax.saxutils import escape, quoteattr

from policy.decision import StanzaError
from policy.facts import Way
from policy.supervision.vote import Vote
from policy.utc import format_utc

_LOST = (
    "<error type='wait'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
    "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>"
    "The server failed before it could deliver this. Nothing was sent. Please send it again.</text></error>"
)

MAX_ATTEMPTS = 3
"""How often the gate gives a stanza to the server, which returns it, before a person must decide."""

_NS_PER_S = 1_000_000_000
_CLIENT = "jabber:client"
_DELAY = "urn:xmpp:delay"  # XEP-0203
_STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
_JOIN = b"http://jabber.org/protocol/muc"


class ItemKind(StrEnum):
    """The kind of an item: a held message, a notice to a sender, a waiting join, or an error.

    A join waits until the person has acknowledged the notice of the recording; no reviewer decides on it. An error
    waits until its sender is back.
    """

    MESSAGE = "message"
    NOTICE = "notice"
    JOIN = "join"
    ERROR = "error"


class ReviewAct(StrEnum):
    """A decision on a held message."""

    RELEASE = "release"
    REFUSE = "refuse"


class Stage(StrEnum):
    """The stage of an item.

    `uncertain`: the server ended, or failed, while it may have been delivering this, or giving it back to its sender;
    only a person can go on.
    """

    WAITING = "waiting"
    OUTGOING = "outgoing"
    SENT = "sent"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Place:
    """A submission's number: `seq` of `epoch` (gate protocol, section 3)."""

    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class Returned:
    """A stanza that was lost with a server: what an error for it needs, and its record."""

    token: str
    record: int
    way: Way
    kind: str
    type: str
    sender: str
    to: str
    id: str


@dataclass(frozen=True, slots=True)
class Item:
    """Something that the gate keeps until it is finished.

    `token` names it, also to the adapter. `stanza` is what is sent in the end. `record` is the index of the record
    that it goes back to, `held` the submission that is kept back, until the adapter has let go of it, `sent` the one
    that carries it now. Times are Unix time.
    `evidence` is a digest (hex) over what that record says: it is sealed, so whoever knows this has read it.
    `epoch` is that of the session that joins: a join ends with it. `votes` are decisions that wait for those of others.
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
    votes: tuple[Vote, ...] = ()


# Where what was on its way is when its server has ended. Whoever got an error had a session, which has ended with it;
# so has a join.
_STAGE_AFTER_SERVER = {
    ItemKind.MESSAGE: Stage.UNCERTAIN,
    ItemKind.NOTICE: Stage.OUTGOING,
    ItemKind.ERROR: Stage.WAITING,
}


def is_owed(item: Item) -> bool:
    """Return whether this is an error that waits for its sender to come back."""
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
    """Return whether the deadline of an undecided held message is over."""
    return item.stage is Stage.WAITING and item.deadline_ns <= now_ns and can_be_decided(item)


def can_be_decided(item: Item) -> bool:
    """Return whether a held message may be decided on: it waits, or nobody knows what became of it.

    Not before the adapter has discarded it: until then the adapter may still return it to its sender.
    """
    return (
        item.kind is ItemKind.MESSAGE and item.stage in (Stage.WAITING, Stage.UNCERTAIN) and item.held is None
    )


def release_item(item: Item) -> Item:
    """Return the item of a held message that shall go out."""
    return replace(item, stage=Stage.OUTGOING, sent=None, attempts=0, votes=())


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
    """Return whether the server answered this item's stanza with an error, so that sending it again is useless."""
    sent = item.sent
    return item.stage is Stage.SENT and sent is not None and sent.epoch == epoch and sent.seq in refused


def delay_stanza(stanza: bytes, gate: str, held_at_ns: int) -> bytes:
    """Return a message that says when it was written (XEP-0203)."""
    stamp = format_utc(held_at_ns // _NS_PER_S)
    end = stanza.rindex(b"</")
    delay = f"<delay xmlns='{_DELAY}' from={quoteattr(gate)} stamp='{stamp}'/>"
    return stanza[:end] + delay.encode() + stanza[end:]


def joins_anew(item: Item, later: bytes) -> bool:
    """Return whether a later presence to the same place replaces a waiting join.

    It does unless it is one from somebody who takes themselves to be in already (XEP-0045, 7.2.1).
    """
    return _JOIN in later or _JOIN not in item.stanza


def encode_join_error(item: Item, error: StanzaError) -> bytes:
    """Encode the answer to a join that is not carried out, as if from the room (RFC 6120, 8.3.1)."""
    return (
        f"<presence xmlns='{_CLIENT}' from={quoteattr(item.to)} to={quoteattr(item.sender)} type='error'>"
        f"<error type={quoteattr(error.type)}><{error.condition} xmlns='{_STANZA_ERRORS}'/>"
        f"<text xmlns='{_STANZA_ERRORS}' xml:lang='en'>{escape(error.text)}</text></error></presence>"
    ).encode()


def encode_notice(from_: str, to: str, id_: str, text: str) -> bytes:
    """Encode a notice of the gate: a chat message, which every client shows and every server keeps."""
    return (
        f"<message xmlns='{_CLIENT}' from={quoteattr(from_)} to={quoteattr(to)} type='chat' id={quoteattr(id_)}>"
        f"<body>{escape(text)}</body></message>"
    ).encode()


def encode_room_notice(room: str, to: str, id_: str, text: str) -> bytes:
    """Encode a notice of the gate in a room, for one person there.

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
