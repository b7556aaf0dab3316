"""A matter as its acts make it: people, custodians, exhibits, notes, saved results, links to holds."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum


class MatterAct(StrEnum):
    """What somebody does in a matter: the name of the event in the audit log."""

    OPEN = "opened"
    CLOSE = "closed"
    REOPEN = "reopened"
    ADD_PERSON = "person-added"
    REMOVE_PERSON = "person-removed"
    ADD_CUSTODIAN = "custodian-added"
    REMOVE_CUSTODIAN = "custodian-removed"
    ADD_EXHIBIT = "exhibit-added"
    WITHDRAW_EXHIBIT = "exhibit-withdrawn"
    NOTE = "noted"
    SAVE = "result-saved"
    LINK_HOLD = "hold-linked"


class GrantAct(StrEnum):
    """What somebody does about a grant (docs/matters.md, "Grants"): the name of the event in the audit log."""

    REQUEST = "grant-requested"
    CONTRIBUTE = "grant-contributed"
    ISSUE = "grant-issued"
    REVOKE = "grant-revoked"


DeedAct = MatterAct | GrantAct


class MatterError(ValueError):
    """An act does not fit to its matter; the message says why, and what to do."""


Detail = str | int


@dataclass(frozen=True, slots=True)
class Deed:
    """An act in a matter, or about a grant: `by` is an auditor's id, `record` the id of its record, if it has one.

    `id` makes it unlike all others, `origin` is the name of the log that it is for, `signature` the line of its
    signature; empty where nobody has to sign. `recorded_at_ns` is the log's own time. `problem` says why it counts for
    nothing whatever its matter is; `is_unsigned`: it is not signed, although auditors have keys.
    """

    act: DeedAct
    matter: str
    by: str
    at_ns: int
    details: Mapping[str, Detail] = field(default_factory=dict)
    record: str = ""
    id: str = ""
    origin: str = ""
    signature: str = ""
    recorded_at_ns: int = 0
    problem: str = ""
    is_unsigned: bool = False

    def text(self, name: str) -> str:
        """Return a detail; empty if there is none."""
        return str(self.details.get(name, ""))

    def number(self, name: str) -> int:
        """Return a detail that is a number; 0 if there is none."""
        value = self.details.get(name, 0)
        return value if isinstance(value, int) else 0


@dataclass(frozen=True, slots=True)
class Custodian:
    """A person, or a room, whose records a matter is about, by bare JID; `record` is the act that added them."""

    jid: str
    by: str
    at_ns: int
    record: str


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A record that is an exhibit: `number` counts from 1 and never changes.

    `said_at_ns` is the time of the exhibited record, `payload_sha256` (hex) that of its leaf. `withdrawn` says why the
    exhibit does not count any more; it keeps its number.
    """

    number: int
    record_id: str
    title: str
    note: str
    said_at_ns: int
    payload_sha256: str
    by: str
    at_ns: int
    record: str
    withdrawn: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A note: on an exhibit (0: on the matter); `about_ns` is the time that it is about."""

    text: str
    exhibit: int
    about_ns: int
    by: str
    at_ns: int
    record: str


@dataclass(frozen=True, slots=True)
class SavedResult:
    """A search whose result is kept: the query, how much of each log was searched, how much was found, and the digest.

    `searched_at_ns` is when: relative times in the query count from it. `search` is the record of that search.
    Of several sites, `sites` has a line for each: the record of the search there, how much was found, and the digest.
    What is above is the own site's then, but for the count. `not_searched` says which could not be asked or may have
    more.
    """

    title: str
    query: str
    log_size: int
    log_sizes: str
    result_count: int
    result_digest: str
    searched_at_ns: int
    search: str
    by: str
    at_ns: int
    record: str
    sites: str = ""
    not_searched: str = ""


@dataclass(frozen=True, slots=True)
class LinkedHold:
    """A hold of docs/retention.md that belongs to a matter, by the id of its order and the name of its log."""

    order: str
    log: str


@dataclass(frozen=True, slots=True)
class Matter:
    """A matter, after all acts in it; `enterprises` is None if it may concern all of the site.

    `people` are the ids of the auditors who may work on it, `changed_at_ns` the time of the last act. `unsigned` are
    the records of acts of before auditors had keys, which nobody has signed.
    """

    id: str
    title: str
    opened_by: str
    opened_at_ns: int
    enterprises: Set[str] | None
    people: tuple[str, ...]
    is_open: bool = True
    custodians: tuple[Custodian, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    notes: tuple[Note, ...] = ()
    saved: tuple[SavedResult, ...] = ()
    holds: tuple[LinkedHold, ...] = ()
    changed_at_ns: int = 0
    unsigned: tuple[str, ...] = ()

    def is_seen_by(self, auditor: str, enterprises: Set[str] | None) -> bool:
        """Return whether an auditor who may see these enterprises (None: all) sees the matter at all."""
        return auditor in self.people and self.is_within(enterprises)

    def is_within(self, enterprises: Set[str] | None) -> bool:
        """Return whether all that the matter may concern lies within these enterprises (None: all)."""
        return enterprises is None or (self.enterprises is not None and self.enterprises <= enterprises)
