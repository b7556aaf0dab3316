"""What a reader is shown of a conversation, as values."""

from dataclasses import dataclass
from enum import StrEnum

from components.audit.view import FileView


class ItemKind(StrEnum):
    """What an item of a conversation is."""

    MESSAGE = "message"
    CORRECTION = "correction"
    RETRACTION = "retraction"
    REACTION = "reaction"
    SUBJECT = "subject"
    INVITE = "invite"
    JOIN = "join"
    LEAVE = "leave"
    RELEASED = "released"
    PRESENCE = "presence"
    OTHER = "other"
    DESTROYED = "destroyed"
    UNREADABLE = "unreadable"


class Fate(StrEnum):
    """What became of a message: whether it reached anybody."""

    CARRIED_OUT = "carried out"
    AMENDED = "amended"
    RELEASED = "held, then released"
    HELD = "held"
    REFUSED = "refused"
    BOUNCED = "returned by the server"
    REPEATED = "said again"
    NOT_KNOWN = "outcome not known"

    @property
    def reached_somebody(self) -> bool:
        """Whether it surely went out."""
        return self in (Fate.CARRIED_OUT, Fate.AMENDED, Fate.RELEASED)

    @property
    def reached_nobody(self) -> bool:
        """Whether it surely did not go out."""
        return self in (Fate.HELD, Fate.REFUSED, Fate.BOUNCED, Fate.REPEATED)


class Certainty(StrEnum):
    """How certain it is that something reached somebody (docs/auditor.md has the rules)."""

    CERTAIN = "certainly"
    PROBABLE = "probably"
    NOT_KNOWN = "not known"
    NO = "certainly not"


class How(StrEnum):
    """The evidence that something reached somebody, or did not."""

    WROTE = "wrote it"
    RECEIPT = "their device acknowledged it"
    DISPLAYED = "their device displayed it"
    ANSWERED = "they answered it or reacted to it"
    SESSION = "carried out while a device of theirs was signed in"
    SIGNED_IN = "carried out, and a device of theirs signed in later"
    ARCHIVE = "they asked their archive for that time"
    ARCHIVE_PART = "they asked their archive for a part that may have it"
    IN_ROOM = "carried out while they were in the room"
    JOINED_LATER = "they joined the room later, and rooms tell the last messages"
    NOT_CARRIED_OUT = "it was not carried out"
    NO_EVIDENCE = "nothing in the log says so"


@dataclass(frozen=True, slots=True)
class Party:
    """A person, room or address, as the directory had them then; `nick` is the name in a room."""

    jid: str
    name: str = ""
    desk: str = ""
    roles: tuple[str, ...] = ()
    enterprise: str = ""
    nick: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """What a message said from a time on (nanoseconds since 1970); `record` says so, `by` is whose session."""

    record: str
    at_ns: int
    by: Party
    text: str
    fate: Fate
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """Something done to a message: by whom, when, in which record, and why if that was said."""

    record: str
    at_ns: int
    by: Party
    reason: str = ""
    is_by_moderator: bool = False
    fate: Fate = Fate.CARRIED_OUT


@dataclass(frozen=True, slots=True)
class Reaction:
    """An emoji with those who react with it in the end, and those who took it back."""

    emoji: str
    acts: tuple[Act, ...]
    undone: tuple[Act, ...] = ()


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A device's receipt, or its marker: `how` is `received`, `displayed` or `acknowledged`."""

    how: str
    act: Act


@dataclass(frozen=True, slots=True)
class Quote:
    """The message that another one answers or changes; `record` is empty where the log does not have it."""

    id: str
    record: str = ""
    at_ns: int = 0
    by: Party | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason for or against that something reached somebody, with its record."""

    how: How
    certainty: Certainty
    record: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Reached:
    """Whether a message reached somebody by a time, by what evidence, and the last `version` (record) that did."""

    certainty: Certainty
    evidence: tuple[Evidence, ...]
    version: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a conversation, as a person reads it.

    `versions` are what a message said, the first one first; `also` what some clients show of it besides. `fate` is what
    became of the first version, and `why` what its sender was told, or by which rules. `audience` are those who could
    see it when it was said: the other one, or who was in the room. `records` are the ids of all the records that it is
    made of.
    """

    kind: ItemKind
    record: str
    place: int
    at_ns: int
    by: Party
    to: Party
    fate: Fate = Fate.CARRIED_OUT
    why: str = ""
    versions: tuple[Version, ...] = ()
    also: str = ""
    about: Quote | None = None
    retraction: Act | None = None
    reactions: tuple[Reaction, ...] = ()
    acknowledgements: tuple[Acknowledgement, ...] = ()
    emojis: tuple[str, ...] = ()
    thread: str = ""
    files: tuple[FileView, ...] = ()
    reviews: tuple[Act, ...] = ()
    audience: tuple[Party, ...] = ()
    remarks: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    reached: Reached | None = None
    is_hit: bool = False

    @property
    def text(self) -> str:
        """What it said last, of what went out; else what it said first."""
        out = [version for version in self.versions if not version.fate.reached_nobody]
        return (out or self.versions)[-1].text if self.versions else ""
