"""The `steelyard access` commands (docs/commands.md)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from components.process.errors import SiteError
from components.site.errors import errors_in_lines

if TYPE_CHECKING:
    from components.rules.access.desk import PersonAccess
    from policy.access.statement import Statement

SiteFile = Annotated[Path, Parameter(name="--site", env_var="STEELYARD_SITE", help="The site's file.")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")]
Everybody = Annotated[bool, Parameter(name="--all", negative="", help="All that there is to decide on.")]
Key = Annotated[str, Parameter(help="Where the approver's private key is kept (docs/keys.md).")]
Reason = Annotated[str, Parameter(help="Why, in one line.")]
DEFAULT_SITE = Path("var/site.toml")

app = App(name="access", help="Admit people to the line and put them out (docs/admission.md).")


@app.command
def request(
    *people: str,
    everybody: Annotated[
        bool, Parameter(name="--all", negative="", help="Everybody who is listed and never asked.")
    ] = False,
    by: str = "",
    days: int | None = None,
    reason: Reason = "",
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Ask for the admission of people whom the directory lists; two approvers must then approve.

    Parameters
    ----------
    people
        Their JIDs.
    by
        The JID of who asks, if not the person.
    days
        For how long (default: as long as the settings allow).
    """
    from components.rules.access.desk import open_desk, request_access

    with errors_in_lines():
        _require_names(people, everybody)
        made = request_access(open_desk(site), people, by, days, reason)
    _print_made(made, as_json, "asked for")


@app.command
def approve(
    *requests: str,
    key: Key,
    everybody: Everybody = False,
    reason: Reason = "",
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Approve requests with an approver's key; the second approval admits.

    Parameters
    ----------
    requests
        JIDs, or the beginnings of requests' digests.
    """
    _decide("approve", requests, key, everybody, reason, as_json, site)


@app.command
def deny(
    *requests: str, key: Key, reason: Reason = "", as_json: AsJson = False, site: SiteFile = DEFAULT_SITE
) -> None:
    """Deny requests with an approver's key; one denial is enough.

    Parameters
    ----------
    requests
        JIDs, or the beginnings of requests' digests.
    """
    _decide("deny", requests, key, False, reason, as_json, site)


@app.command
def certify(
    *people: str,
    key: Key,
    everybody: Everybody = False,
    reason: Reason = "",
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Certify that people still need the line, with an approver's key; due every so many days.

    Parameters
    ----------
    people
        Their JIDs.
    """
    _decide("certify", people, key, everybody, reason, as_json, site)


@app.command
def revoke(
    *people: str, key: Key, reason: Reason = "", as_json: AsJson = False, site: SiteFile = DEFAULT_SITE
) -> None:
    """Put people out, with an approver's key: their sessions end and their accounts are removed.

    Parameters
    ----------
    people
        Their JIDs.
    """
    _decide("revoke", people, key, False, reason, as_json, site)


@app.command
def sign(statement: str, *, key: Key, as_json: AsJson = False) -> None:
    """Sign a statement that the line showed in an approver's client, and print what to paste there.

    Parameters
    ----------
    statement
        The line that begins with steelyard-access/1, in quotes.
    """
    from components.rules.access.desk import sign_elsewhere

    with errors_in_lines():
        found, signature = sign_elsewhere(statement, key)
    if as_json:
        _print_json(_describe(found) | {"signature": signature})
        return
    print(signature)


@app.command(name="list")
def list_(*, as_json: AsJson = False, site: SiteFile = DEFAULT_SITE) -> None:
    """Show how it stands about everybody: requested, admitted until when, denied, expired, revoked."""
    from components.rules.access.desk import list_access, open_desk

    with errors_in_lines():
        rows = list_access(open_desk(site))
    if as_json:
        _print_json({"people": [_describe_person(row) for row in rows]})
        return
    width = max((len(row.jid) for row in rows), default=0)
    for row in rows:
        found = _describe_person(row)
        words = [f"{row.jid:{width}}", f"{found['state']:13}", f"{found['request'][:12]:12}"]
        if found["state"] == "admitted":
            words.append(f"until {found['ends'] or 'revoked'}")
            words += [] if row.acknowledged else ["(has not acknowledged the recording)"]
        elif found["approved_by"]:
            words.append(f"approved by {', '.join(found['approved_by'])}")
        print("  ".join(words).rstrip())


def _decide(
    act: str, named: Sequence[str], key: str, everybody: bool, reason: str, as_json: bool, site: Path
) -> None:
    from components.rules.access.desk import decide_access, open_desk
    from policy.access.statement import AccessAct

    with errors_in_lines():
        _require_names(named, everybody)
        made = decide_access(open_desk(site), AccessAct(act), named, key, reason)
    past = {
        AccessAct.APPROVE: "approved",
        AccessAct.DENY: "denied",
        AccessAct.CERTIFY: "certified",
        AccessAct.REVOKE: "put out",
    }
    _print_made(made, as_json, past[AccessAct(act)])


def _require_names(named: Sequence[str], everybody: bool) -> None:
    if bool(named) == everybody:
        raise SiteError("name somebody by their JID, or use --all where there is one")


def _print_made(made: "Sequence[Statement]", as_json: bool, what: str) -> None:
    from policy.access.statement import statement_digest

    if as_json:
        _print_json({"statements": [_describe(each) for each in made]})
        return
    for each in made:
        print(f"{what} {each.person} ({(each.request or statement_digest(each))[:12]})")
    if not made:
        print("there is nothing to do")


def _describe(statement: "Statement") -> dict[str, Any]:
    from policy.access.statement import encode_statement, statement_digest

    return {
        "act": statement.act,
        "person": statement.person,
        "by": statement.by,
        "request": statement.request,
        "digest": statement_digest(statement),
        "statement": encode_statement(statement).rstrip("\n"),
    }


def _describe_person(row: "PersonAccess") -> dict[str, Any]:
    from policy.utc import format_utc

    found = row.found

    def written(time_s: int | None) -> str:
        return "" if time_s is None else format_utc(time_s)

    return {
        "person": row.jid,
        "listed": row.person is not None,
        "state": found.state if found else "not requested",
        "roles": list(found.request.roles) if found and found.request else [],
        "request": found.digest if found else "",
        "reason": found.request.reason if found and found.request else "",
        "approved_by": list(found.approved_by) if found else [],
        "ends": written(found.ends_s if found else None),
        "expires": written(found.expires_s if found else None),
        "certify_by": written(found.certify_by_s if found else None),
        "acknowledged": row.acknowledged,
    }


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))
