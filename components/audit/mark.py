"""What a stanza may do to a conversation, as values."""

from enum import StrEnum
from typing import NamedTuple


class Mark(StrEnum):
    """What a stanza mainly is; of what it is besides, `Marks.also` tells."""

    MESSAGE = "message"
    CORRECTION = "correction"
    RETRACTION = "retraction"
    REACTION = "reaction"
    RECEIPT = "receipt"
    MARKER = "marker"
    CHAT_STATE = "chat-state"
    JOIN = "join"
    LEAVE = "leave"
    SUBJECT = "subject"
    INVITE = "invite"
    OTHER = "other"


class Marks(NamedTuple):
    """What a stanza does to a conversation; what it does not have is empty.

    `stanza_ids` are pairs: by whom, and the id (XEP-0359). `target` is the id that it corrects, retracts, reacts to or
    acknowledges. `room` is the bare JID of a room: for `join` and `leave`, of what would be one, since a presence to
    somebody's device looks the same. `nick` is the name in it of whom the stanza is about.

    `also` has what a message does besides, with the ids: it may acknowledge an earlier one. `detail` is the marker's or
    chat state's name, or the status codes of a room's presence. `person` is whose JID the stanza names: who is invited,
    who retracted for a room as its moderator, whose message a reply answers. `is_by_moderator`: another person's
    message is retracted (XEP-0425). `reason` is what such a retraction, an invitation or a removal gives. `kind` is the
    stanza's name, empty if it cannot be read; `sender` and `to` are its JIDs as they stand there.
    """

    mark: Mark
    id: str = ""
    origin_id: str = ""
    stanza_ids: tuple[tuple[str, str], ...] = ()
    target: str = ""
    reply_to: str = ""
    thread: str = ""
    type: str = ""
    room: str = ""
    nick: str = ""
    emojis: tuple[str, ...] = ()
    also: tuple[tuple[Mark, str], ...] = ()
    detail: str = ""
    person: str = ""
    reason: str = ""
    is_by_moderator: bool = False
    kind: str = ""
    sender: str = ""
    to: str = ""

    def with_room_id(self, id_: str) -> "Marks":
        """Return the same with the id that its room gave it, if that is not empty."""
        return self._replace(stanza_ids=(*self.stanza_ids, (self.room, id_))) if id_ else self
