"""What a made-up talk yields: records as a gate would make them, each with the truth about it."""

from dataclasses import dataclass

from components.archive.record import Delivery, Event, Submission
from components.audit.mark import Mark

NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Speaker:
    """A made-up person: bare JID, name, desk, enterprise, and the language that they mostly write in."""

    jid: str
    name: str
    desk: str
    language: str = "en"
    enterprise: str = "metals"

    @property
    def session(self) -> str:
        """The full JID of the device at the desk."""
        return f"{self.jid}/desk"

    @property
    def nick(self) -> str:
        """The name in rooms."""
        return self.name.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Told:
    """A record, and what is true of it; `number` counts from 0.

    `sender` and `to` are bare JIDs (`to` of a person, or of a room). `target` is the number of what it corrects,
    retracts, reacts to, acknowledges or answers, -1 if nothing; `is_valid` says whether it may: nobody corrects what
    others said. `present` has the bare JIDs of who is in the room after it. `planted` names what is planted in it:
    a scene, or `near:` and the word that it comes near to. `file` names a file inside the message.
    """

    number: int
    record: Submission | Delivery | Event
    mark: Mark
    at_ns: int
    sender: str = ""
    to: str = ""
    id: str = ""
    text: str = ""
    language: str = ""
    target: int = -1
    is_valid: bool = True
    present: frozenset[str] = NOBODY
    planted: str = ""
    emojis: tuple[str, ...] = ()
    file: str = ""
