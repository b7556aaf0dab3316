"""What became of each message and each status: as the clients saw it, and as the archive has it. Values only."""

from dataclasses import dataclass
from enum import StrEnum

STATUS = "s:"
"""What the id of a status begins with, and no message's."""


@dataclass(frozen=True, slots=True)
class Said:
    """One time that a client said a message; what it says again (XEP-0198) is said once more.

    `number` counts what this sender says, `session` is one of `Session.label`, `again` is whether it was said before.
    """

    id: str
    number: int
    sender: str
    to: str
    session: str
    at_s: float
    again: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """A message or a status that a client received; `by` is who, `place` counts up.

    `receipts` are those of gates, such as `gate.metals.example/gate/42`: the gate, and the record in its log.
    """

    id: str
    by: str
    session: str
    place: int
    at_s: float
    sender: str
    to: str
    body: str
    receipts: tuple[str, ...] = ()
    is_error: bool = False
    is_delayed: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """A session of a client, over all connections for which it was resumed.

    `gaps` are the times in which the client was cut off, and got nothing: until it went on, was resumed, or ended.
    `ended_at_s` is infinite for a session that was there at the end.
    """

    label: str
    person: str
    counts: bool
    began_at_s: float
    ended_at_s: float
    gaps: tuple[tuple[float, float], ...] = ()


class Fate(StrEnum):
    """What the archive says became of a stanza."""

    CARRIED_OUT = "carried out"
    BOUNCED = "bounced"
    REFUSED = "refused"
    REPEATED = "repeated"
    KEPT = "kept"
    UNKNOWN = "unknown"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Recorded:
    """The record of what a client said, in the archive of a gate; `came` is whether it came there from another site."""

    gate: str
    index: int
    id: str
    sender: str
    to: str
    body: str
    fate: Fate
    came: bool = False

    @property
    def receipt(self) -> str:
        """The receipt of whoever received it (`Heard.receipts`)."""
        return f"{self.gate}/gate/{self.index}"


@dataclass(frozen=True, slots=True)
class ServerEnd:
    """The server ended; `killed` or in order."""

    at_s: float
    killed: bool


@dataclass(frozen=True, slots=True)
class History:
    """A whole run, after everything has been mended.

    `acknowledged` are the ids of the messages that a client was told are handled (XEP-0198). `statuses` are those that
    the archive says were said and not refused; `faults` what is wrong with the archive itself. `link_broke` is whether
    something was done to what connects the sites; `stood_still` are the gates that could not record for a time.
    """

    said: tuple[Said, ...]
    heard: tuple[Heard, ...]
    sessions: tuple[Session, ...]
    acknowledged: frozenset[str]
    records: tuple[Recorded, ...]
    statuses: frozenset[str]
    server_ends: tuple[ServerEnd, ...] = ()
    faults: tuple[str, ...] = ()
    link_broke: bool = False
    stood_still: frozenset[str] = frozenset()
