"""What the adapter says, as values (docs/gate-protocol.md, section 4); pure."""

from dataclasses import dataclass
from typing import NamedTuple

from policy.facts import StanzaFacts

QUARANTINED = "quarantined"
"""The `Held.problem` of what broke the link twice (section 5.10)."""


class ProtocolError(Exception):
    """The server's side of the link said something that the gate protocol does not have; the link is closed.

    `unread` is the number of the submission in which that was, where there was one.
    """

    def __init__(self, reason: str, unread: int = 0) -> None:
        super().__init__(reason)
        self.unread = unread


class Held(NamedTuple):
    """One submission (section 4.1): a stanza, or a session event for `Way.SESSION`.

    `body` is the stanza exactly as the adapter wrote it; `host` is the adapter's address, where the verdict goes.
    `stopped` says that the server made it and a border was in the way, so that it goes to nobody (section 4.5);
    `inject` names what the gate itself asked for (section 4.7); `id` is the stanza's own, or empty.
    `done` is what is done by then, -1 where that is no news. `counted` says that its session counts it (XEP-0198).
    `problem` is why its facts are not all there: `QUARANTINED`, or the name of the exception that reading it raised.
    """

    host: str
    epoch: str
    seq: int
    session: str
    body: bytes
    facts: StanzaFacts
    stopped: bool = False
    inject: str = ""
    id: str = ""
    done: int = -1
    counted: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """What the adapter has carried out so far (section 4.3): everything up to `done`, except what it `bounced`.

    Of these, `refused` are those that the gate had asked for and that the server itself answered with an error.
    It holds nothing before `first_seq`, and has numbered nothing from `next_seq` on. On the hosts in `unheld` it is not
    loaded: they pass nothing. Those in `unrecorded` broke the link again, quarantined as they were (section 5.10).
    `uploads` are modules of the server's that would take files past the archive, such as `metals.example/proxy65`.
    Rooms have `archived` messages: each has the id of its record, such as `gate/100042`, and that of its room.
    """

    host: str
    epoch: str
    number: int
    first_seq: int
    next_seq: int
    done: int
    turned_away: int
    bounced: tuple[int, ...]
    refused: tuple[int, ...] = ()
    unheld: tuple[str, ...] = ()
    unrecorded: tuple[int, ...] = ()
    uploads: tuple[str, ...] = ()
    archived: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CanaryBack:
    """A canary (section 4.4) that was carried out: `record` is its receipt, such as `gate/100042`, or empty."""

    host: str
    id: str
    record: str
