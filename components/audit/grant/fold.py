"""What the audit log says of grants: asked for, contributed to, issued, revoked. A pure fold over its acts."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from components.audit.matter.values import Deed, GrantAct


class GrantState(StrEnum):
    """The state of a grant."""

    ASKED = "asked"
    IN_FORCE = "in force"
    OVER = "over"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class RecordedGrant:
    """A grant by its records: what it opens, for whom, until when, by whose shares, and for which matter.

    `segments` is a text such as `3-9, 12`; `digest` that of its terms. `contributors` is whose shares opened it, as a
    text, which says of whom nobody has signed for. `issued` and `revoked` are records' ids, empty while there are none.
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


def fold_grants(deeds: Iterable[Deed]) -> dict[str, RecordedGrant]:
    """Return all grants by id, in the order in which they were asked for.

    What was asked for once does not change: a second request of the same id counts for nothing, and so does an issue
    of other terms, and an act with a problem of its own.
    """
    grants: dict[str, RecordedGrant] = {}
    for deed in deeds:
        id_ = deed.text("grant")
        if deed.problem:
            continue
        if (found := grants.get(id_)) is not None:
            grants[id_] = _go_on(found, deed)
        elif deed.act is GrantAct.REQUEST:
            grants[id_] = _ask(deed)
    return grants


def _go_on(grant: RecordedGrant, deed: Deed) -> RecordedGrant:
    is_own, record = deed.text("digest") == grant.digest, deed.record
    match deed.act:
        case GrantAct.CONTRIBUTE if is_own and not grant.issued:
            return replace(grant, contributors=", ".join(filter(None, (grant.contributors, _name(deed)))))
        case GrantAct.ISSUE if is_own and not grant.issued:
            return replace(grant, issued=record, contributors=grant.contributors or _name_unsigned(deed))
        case GrantAct.REVOKE if not grant.revoked:
            return replace(grant, revoked=record, revoked_because=deed.text("reason"))
    return grant


def _name(deed: Deed) -> str:
    """Name who contributed a share."""
    return f"{deed.by} (share {deed.number('number')}{'' if deed.signature else ', not signed'})"


def _name_unsigned(deed: Deed) -> str:
    """Name who contributed, of an issue of before contributions were acts of their own."""
    return f"{named}, not signed" if (named := deed.text("contributors")) else ""


def _ask(deed: Deed) -> RecordedGrant:
    names = ("log", "segments", "auditor", "key_id", "reason", "digest")
    return RecordedGrant(
        deed.text("grant"),
        until_ns=deed.number("until_ns"),
        matter=deed.matter,
        asked_by=deed.by,
        asked=deed.record,
        **{name: deed.text(name) for name in names},
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
