"""Statements about admission, each with only one encoding: a line of text (docs/admission.md, section 2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from policy.address import AddressError, BareJid, parse_bare_jid
from policy.directory.enterprise import DeskId, EnterpriseId, Role
from policy.one_encoding import REASON_RULE, RECORD_ID, SHA256, LineForm, is_reason, require_all
from policy.utc import format_utc, parse_utc

HEADER = "steelyard-access/1"

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class StatementError(ValueError):
    """The text is not a statement in its only encoding; the message says what is wrong."""


class AccessAct(StrEnum):
    """The act of a statement."""

    REQUEST = "request"
    APPROVE = "approve"
    DENY = "deny"
    CERTIFY = "certify"
    REVOKE = "revoke"
    ACKNOWLEDGE = "acknowledge"

    @property
    def is_signed(self) -> bool:
        """Whether it counts only with an approver's signature."""
        return self not in (AccessAct.REQUEST, AccessAct.ACKNOWLEDGE)

    @property
    def is_about_request(self) -> bool:
        """Whether it names the request that it is about by its digest."""
        return self in (AccessAct.APPROVE, AccessAct.DENY, AccessAct.CERTIFY)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of `by` about the admission of `person` to `enterprise`; times are Unix time in whole seconds.

    `roles`, `desk`, `until_s` and `id` (which makes it unlike all others) are a request's; `request` is the digest of
    the request that is approved, denied or certified; `notice` is the digest of the notice that is acknowledged, and
    `record` the record of the message that did it, where there is one.
    """

    act: AccessAct
    person: BareJid
    enterprise: EnterpriseId
    by: BareJid
    at_s: int
    id: str = ""
    roles: tuple[Role, ...] = ()
    desk: DeskId | None = None
    until_s: int | None = None
    request: str = ""
    notice: str = ""
    record: str = ""
    reason: str = ""


def _name_fields(statement: Statement) -> tuple[str, Mapping[str, str]]:
    return statement.act.value, {
        "person": statement.person,
        "enterprise": statement.enterprise,
        "by": statement.by,
        "at": _format_time(statement.at_s),
        "id": statement.id,
        "roles": ",".join(statement.roles),
        "desk": statement.desk or "",
        "until": "" if statement.until_s is None else _format_time(statement.until_s),
        "request": statement.request,
        "notice": statement.notice,
        "record": statement.record,
        "reason": statement.reason,
    }


def _build(act: str, fields: Mapping[str, str]) -> Statement:
    return Statement(
        AccessAct(act),
        parse_bare_jid(fields["person"]),
        EnterpriseId(fields["enterprise"]),
        parse_bare_jid(fields["by"]),
        parse_utc(fields["at"]),
        fields.get("id", ""),
        tuple(Role(role) for role in fields.get("roles", "").split(",") if role),
        DeskId(fields["desk"]) if "desk" in fields else None,
        parse_utc(fields["until"]) if "until" in fields else None,
        fields.get("request", ""),
        fields.get("notice", ""),
        fields.get("record", ""),
        fields["reason"],
    )


def notice_digest(text: str) -> str:
    """Return the SHA-256 (hex) of a recording notice, by which it is acknowledged."""
    return sha256(text.encode()).hexdigest()


def _format_time(time_s: int) -> str:
    try:
        return format_utc(time_s)
    except ValueError as error:
        raise _no_statement(str(error)) from None


def _require_valid(statement: Statement) -> None:
    """Refuse fields that do not belong to the act, so that nobody signs a meaningless word."""
    act = statement.act
    asks = act is AccessAct.REQUEST
    acknowledges = act is AccessAct.ACKNOWLEDGE
    checks = (
        (
            _is_jid(statement.person) and _is_jid(statement.by),
            "people are named by their JIDs, without a space",
        ),
        (_ID.fullmatch(statement.enterprise), "an enterprise is named by its id in the directory"),
        (
            bool(_ID.fullmatch(statement.id)) if asks else not statement.id,
            "a request, and nothing else, has an id",
        ),
        (bool(statement.roles) == asks, "a request, and nothing else, asks for roles"),
        (list(statement.roles) == sorted(set(statement.roles)), "roles are in alphabetical order, each once"),
        (statement.desk is None or (asks and _ID.fullmatch(statement.desk)), "a desk belongs to a request"),
        (statement.until_s is None or asks, "an end belongs to a request"),
        (
            bool(SHA256.fullmatch(statement.request)) if act.is_about_request else not statement.request,
            "an approval, denial or certificate, and nothing else, names the digest of a request",
        ),
        (
            bool(SHA256.fullmatch(statement.notice)) if acknowledges else not statement.notice,
            "an acknowledgement, and nothing else, names the digest of a notice",
        ),
        (
            not statement.record or (acknowledges and RECORD_ID.fullmatch(statement.record)),
            "an acknowledgement may name its record",
        ),
        (not acknowledges or statement.by == statement.person, "everybody acknowledges for themselves"),
        (is_reason(statement.reason), REASON_RULE),
    )
    require_all(checks, _no_statement)


def _no_statement(problem: str) -> StatementError:
    return StatementError(f"not a statement: {problem}")


def _is_jid(text: str) -> bool:
    try:
        return parse_bare_jid(text) == text
    except AddressError:
        return False


_FORM = LineForm(HEADER, "reason", _name_fields, _build, _require_valid, _no_statement)
encode_statement, parse_statement, statement_digest = _FORM.encode, _FORM.parse, _FORM.digest
