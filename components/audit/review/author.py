"""Makes, signs and records acts of review (docs/review.md, section 7)."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from components.archive.record import Event, RecordKind
from components.audit.access import record_findings
from components.audit.author import Author
from components.process.errors import SiteError
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from policy.supervision.act import Act, ActError, ActKind, encode_act
from policy.supervision.item import Outcome

_NS_PER_S = 1_000_000_000
_FIELDS = ("item", "origin", "by", "id", "queue", "to", "disposition", "evidence", "note")


@dataclass(frozen=True, slots=True)
class Signed:
    """An act with the line of its signature, which is empty where nobody has to sign."""

    act: Act
    signature: str = ""
    outcome: Outcome | None = None


def write_act(author: Author, kind: ActKind, log: LogSettings, number: int, **fields: str) -> Signed:
    """Make an act of an auditor on a record, and sign it; raises SiteError for values that make none."""
    if "note" in fields:
        fields["note"] = " ".join(fields["note"].split())
    item, at_s = f"{log.name}/{number}", int(time.time())
    try:
        act = Act(kind, item, log.origin, author.id, at_s, secrets.token_hex(8), **fields)
        text = encode_act(act)
    except ActError as error:
        raise SiteError(str(error)) from None
    return Signed(act, author.sign(text))


async def record_acts(settings: SiteFile, acts: Sequence[Signed]) -> list[str]:
    """Append acts to the audit log in one transaction, and return their records' ids; raises SiteError."""
    return await record_findings(settings, [encode_signed(each) for each in acts])


def encode_signed(signed: Signed) -> Event:
    """Encode an act as it is recorded: its fields, its signature and what came of it."""
    act = signed.act
    details = [(name, getattr(act, name)) for name in _FIELDS]
    details += [("signature", signed.signature), ("outcome", signed.outcome or "")]
    said = tuple((name, value) for name, value in details if value)
    return Event(RecordKind.SUPERVISION, act.kind.value, said, act.at_s * _NS_PER_S)


def read_signed(event: Event) -> Signed:
    """Read a recorded act, and verify nothing; raises ActError."""
    details = {name: str(value) for name, value in event.details}
    signature, outcome = details.pop("signature", ""), details.pop("outcome", "")
    try:
        act = Act(ActKind(event.name), at_s=event.at_ns // _NS_PER_S, **details)
        encode_act(act)
        return Signed(act, signature, Outcome(outcome) if outcome else None)
    except (TypeError, ValueError) as error:
        raise ActError(f"not an act of review: {error}") from None
