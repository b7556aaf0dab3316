"""What the commands for admissions print (docs/admission.md)."""

from collections.abc import Sequence
from typing import Any

from components.rules.access.desk import PersonAccess
from policy.access.statement import AccessAct, Statement, encode_statement, statement_digest
from policy.utc import format_utc

_SHORT_DIGEST = 12
_DONE = {
    AccessAct.REQUEST: "asked for",
    AccessAct.APPROVE: "approved",
    AccessAct.DENY: "denied",
    AccessAct.CERTIFY: "certified",
    AccessAct.REVOKE: "put out",
}


def describe_statement(statement: Statement) -> dict[str, Any]:
    """Describe a statement for JSON."""
    return {
        "act": statement.act,
        "person": statement.person,
        "by": statement.by,
        "request": statement.request,
        "digest": statement_digest(statement),
        "statement": encode_statement(statement).rstrip("\n"),
    }


def describe_made(made: Sequence[Statement]) -> dict[str, Any]:
    """Describe for JSON the statements that were made."""
    return {"statements": [describe_statement(each) for each in made]}


def print_made(made: Sequence[Statement]) -> None:
    """Print the statements that were made, a line for each person."""
    for each in made:
        digest = each.request or statement_digest(each)
        print(f"{_DONE[each.act]} {each.person} ({digest[:_SHORT_DIGEST]})")
    if not made:
        print("there is nothing to do")


def describe_people(rows: Sequence[PersonAccess]) -> dict[str, Any]:
    """Describe for JSON who is admitted, and who is not."""
    return {"people": [_describe_person(row) for row in rows]}


def print_people(rows: Sequence[PersonAccess]) -> None:
    """Print who is admitted, and who is not, a line for each person."""
    width = max((len(row.jid) for row in rows), default=0)
    for row in rows:
        found = _describe_person(row)
        words = [f"{row.jid:{width}}", f"{found['state']:13}", f"{found['request'][:_SHORT_DIGEST]:12}"]
        if found["state"] == "admitted":
            words.append(f"until {found['ends'] or 'revoked'}")
            words += [] if row.acknowledged else ["(has not acknowledged the recording)"]
        elif found["approved_by"]:
            words.append(f"approved by {', '.join(found['approved_by'])}")
        print("  ".join(words).rstrip())


def _describe_person(row: PersonAccess) -> dict[str, Any]:
    found = row.found
    request = found.request if found else None
    return {
        "person": row.jid,
        "listed": row.person is not None,
        "state": found.state if found else "not requested",
        "roles": list(request.roles) if request else [],
        "request": found.digest if found else "",
        "reason": request.reason if request else "",
        "approved_by": list(found.approved_by) if found else [],
        "ends": _time(found.ends_s if found else None),
        "expires": _time(found.expires_s if found else None),
        "certify_by": _time(found.certify_by_s if found else None),
        "acknowledged": row.acknowledged,
    }


def _time(time_s: int | None) -> str:
    return "" if time_s is None else format_utc(time_s)
