"""Acts of review, each with only one encoding: the line of text that its reviewer signs (docs/review.md, 7)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from policy.one_encoding import RECORD_ID, SHA256, LineForm, require_all
from policy.utc import format_utc, parse_utc

HEADER = "steelyard-review/1"

NOTE_MAX_CHARACTERS = 1_000

_WORD = re.compile(r"[\x21-\x3c\x3e-\x7e]{1,200}")
_AUDITOR = re.compile(r"[^\s=]{1,64}")
_ID = re.compile(r"[0-9a-f]{16,64}")
_QUEUE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class ActError(ValueError):
    """The text is not an act in its only encoding, or the values make none; the message says what is wrong."""


class ActKind(StrEnum):
    """What a reviewer does with an item."""

    ADD = "add"
    CLAIM = "claim"
    UNCLAIM = "unclaim"
    ASSIGN = "assign"
    NOTE = "note"
    ESCALATE = "escalate"
    CLOSE = "close"
    REOPEN = "reopen"
    RELEASE = "release"
    REFUSE = "refuse"


class Disposition(StrEnum):
    """What a review found; `false-positive`: the rule should not have matched. Held items are released or refused."""

    NO_ISSUE = "no-issue"
    ISSUE = "issue"
    FALSE_POSITIVE = "false-positive"
    RELEASED = "released"
    REFUSED = "refused"


DECISIONS: Mapping[ActKind, Disposition] = {
    ActKind.RELEASE: Disposition.RELEASED,
    ActKind.REFUSE: Disposition.REFUSED,
}
"""What an item that was held is closed with."""

TO_CLOSE_WITH = tuple(each for each in Disposition if each not in DECISIONS.values())

_WITH_NOTE = (ActKind.NOTE, ActKind.ESCALATE, ActKind.REOPEN, *DECISIONS)


@dataclass(frozen=True, slots=True)
class Act:
    """An act of the auditor `by` on an item, which is named by its record's id; `at_s` is Unix time.

    `origin` is the name of the record's log in its checkpoints, so that no act counts at another site. `id` makes it
    unlike all others. `queue` is for `add`, `to` for `assign`, `disposition` for `close`; `evidence` shows that a held
    record was read.
    """

    kind: ActKind
    item: str
    origin: str
    by: str
    at_s: int
    id: str
    queue: str = ""
    to: str = ""
    disposition: str = ""
    evidence: str = ""
    note: str = ""


def _name_fields(act: Act) -> tuple[str, Mapping[str, str]]:
    return act.kind.value, {
        "item": act.item,
        "origin": act.origin,
        "by": act.by,
        "at": format_utc(act.at_s),
        "id": act.id,
        "queue": act.queue,
        "to": act.to,
        "disposition": act.disposition,
        "evidence": act.evidence,
        "note": act.note,
    }


def _build(kind: str, fields: Mapping[str, str]) -> Act:
    return Act(
        ActKind(kind),
        fields["item"],
        fields["origin"],
        fields["by"],
        parse_utc(fields["at"]),
        fields["id"],
        **{name: fields.get(name, "") for name in ("queue", "to", "disposition", "evidence", "note")},
    )


def _require_valid(act: Act) -> None:
    """Refuse fields that do not belong to the act, so that nobody signs a meaningless word."""
    kind = act.kind
    closes = kind is ActKind.CLOSE
    checks = (
        (RECORD_ID.fullmatch(act.item), "an item is named by its record's id, such as gate/100042"),
        (_WORD.fullmatch(act.origin), "a log is named by its origin"),
        (_AUDITOR.fullmatch(act.by), "a reviewer is named by their id, without a space"),
        (0 <= act.at_s < 1 << 34, "its time is a Unix time"),
        (_ID.fullmatch(act.id), "it has an id of hexadecimal digits"),
        (
            bool(_QUEUE.fullmatch(act.queue)) if kind is ActKind.ADD else not act.queue,
            "add, and nothing else, names a queue: small letters, digits and -._",
        ),
        (
            bool(_AUDITOR.fullmatch(act.to)) if kind is ActKind.ASSIGN else not act.to,
            "assign, and nothing else, names another reviewer",
        ),
        (
            act.disposition in TO_CLOSE_WITH if closes else not act.disposition,
            f"close, and nothing else, has a disposition: {', '.join(TO_CLOSE_WITH)}",
        ),
        (
            not act.evidence or (kind in DECISIONS and SHA256.fullmatch(act.evidence)),
            "a decision may show that its record was read",
        ),
        (act.note or kind not in _WITH_NOTE, f"{kind.value} needs a reason"),
        (
            len(act.note) <= NOTE_MAX_CHARACTERS and act.note.isprintable() and act.note == act.note.strip(),
            f"a note is one line of at most {NOTE_MAX_CHARACTERS} characters",
        ),
    )
    require_all(checks, _no_act)


def _no_act(problem: str) -> ActError:
    return ActError(f"not an act of review: {problem}")


_FORM = LineForm(HEADER, "note", _name_fields, _build, _require_valid, _no_act)
encode_act, parse_act, digest_act = _FORM.encode, _FORM.parse, _FORM.digest
