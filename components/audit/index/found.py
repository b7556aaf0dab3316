"""What a look into the index finds, as values."""

from dataclasses import dataclass
from enum import StrEnum


class DeliveryState(StrEnum):
    """The outcome of a stanza: the server reports it for all up to a number, and names the bounced ones."""

    CARRIED_OUT = "carried-out"
    RETURNED = "returned"
    KEPT = "kept"
    BOUNCED = "bounced"
    REPEATED = "repeated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search: the places (index/logs.py) of the newest of `matched` among `submissions` records.

    They are in the order of each log, and the logs in that of time. Places of the gate's log are its indexes;
    `log_size` counts all indexed entries of that log, also those that are not submissions.
    """

    indexes: tuple[int, ...]
    matched: int
    submissions: int
    log_size: int
