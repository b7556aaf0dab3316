"""Makes, signs and records acts of review (docs/review.md, section 7)."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.archive.keys import load_log_key
from components.archive.keys.reference import parse_key_reference
from components.archive.log.note import NoteSigner
from components.archive.record import Event, RecordKind
from components.audit.access import record_findings
from components.audit.auditor import Auditor
from components.process.errors import SiteError
from components.rules.reviewers import load_reviewers, sign_act
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


@dataclass(frozen=True, slots=True)
class Author:
    """An auditor who acts, with their key, None where nobody has to sign."""

    auditor: Auditor
    signer: NoteSigner | None = None

    @property
    def id(self) -> str:
        """By whom their acts are recorded; a user of the operating system without a name has a space in theirs."""
        return self.auditor.id.replace(" ", "-")

    def write(self, kind: ActKind, log: LogSettings, number: int, **fields: str) -> Signed:
        """Make an act on a record, and sign it; raises SiteError for values that make none."""
        if "note" in fields:
            fields["note"] = " ".join(fields["note"].split())
        try:
            act = Act(
                kind,
                f"{log.name}/{number}",
                log.origin,
                self.id,
                int(time.time()),
                secrets.token_hex(8),
                **fields,
            )
            encode_act(act)
        except ActError as error:
            raise SiteError(str(error)) from None
        return Signed(act, sign_act(act, self.signer) if self.signer else "")


def open_author(settings: SiteFile, auditor: Auditor, key: str | None) -> Author:
    """Return an auditor with the key at a place (docs/keys.md), which they need where auditors have keys.

    Raises SiteError, KeyFileError and KeyReferenceError.
    """
    if key is not None:
        return Author(auditor, load_log_key(parse_key_reference(key, Path.cwd())))
    if load_reviewers(settings).must_sign:
        raise SiteError(f"acts of review are signed here: name the key of {auditor.id} with --key")
    return Author(auditor)


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
