"""What the audit log says of grants: asked for, issued, revoked. A pure fold over its events."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from components.archive.record import Event

ASKED, ISSUED, REVOKED = "grant-requested", "grant-issued", "grant-revoked"


class GrantState(StrEnum):
    """The state of a grant."""

    ASKED = "asked"
    IN_FORCE = "in force"
    OVER = "over"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class RecordedGrant:
    """A grant by its records: what it opens, for whom, until when, by whose shares, and for which matter.

    `segments` is a text such as `3-9, 12`; `digest` that of its terms. `issued` and `revoked` are records' ids, empty
    while there are none.
    """

    id: str
    log: str
    segments: str
    auditor: str
    key_id: str
    until_ns: int
    matter: str
    reason: str
    digest: str
    asked_by: str
    asked: str
    contributors: str = ""
    issued: str = ""
    revoked: str = ""
    revoked_because: str = ""

    def state(self, now_ns: int) -> GrantState:
        """Return the state at a time."""
        if self.revoked:
            return GrantState.REVOKED
        if now_ns >= self.until_ns:
            return GrantState.OVER
        return GrantState.IN_FORCE if self.issued else GrantState.ASKED


def fold_grants(events: Iterable[tuple[str, Event]]) -> dict[str, RecordedGrant]:
    """Return all grants by id, in the order in which they were asked for.

    What was asked for once does not change: a second request of the same id counts for nothing, and so does an issue
    of other terms.
    """
    grants: dict[str, RecordedGrant] = {}
    for record_id, event in events:
        details = {name: str(value) for name, value in event.details}
        id_ = details.get("grant", "")
        found = grants.get(id_)
        if event.name == ASKED and found is None:
            grants[id_] = _ask(record_id, details, dict(event.details).get("until_ns", 0))
        elif found is None:
            continue
        elif event.name == ISSUED and not found.issued and details.get("digest") == found.digest:
            grants[id_] = replace(found, issued=record_id, contributors=details.get("contributors", ""))
        elif event.name == REVOKED and not found.revoked:
            grants[id_] = replace(found, revoked=record_id, revoked_because=details.get("reason", ""))
    return grants


def _ask(record_id: str, details: dict[str, str], until_ns: str | int) -> RecordedGrant:
    names = ("log", "segments", "auditor", "key_id", "matter", "reason", "digest")
    texts = {name: details.get(name, "") for name in names}
    return RecordedGrant(
        details.get("grant", ""),
        until_ns=until_ns if isinstance(until_ns, int) else 0,
        asked_by=details.get("by", ""),
        asked=record_id,
        **texts,
    )


def write_numbers(numbers: Iterable[int]) -> str:
    """Write numbers in order, those that follow one another as a span: `3-9, 12`."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def read_numbers(text: str) -> list[int]:
    """Read numbers as `write_numbers` writes them; raises ValueError."""
    found: set[int] = set()
    for part in text.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return sorted(found)
