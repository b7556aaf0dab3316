"""The `steelyard access` commands: who is admitted to the line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from components.cli.options import DEFAULT_SITE, ApproverKey, AsJson, Reason, SiteOption
from components.cli.output.json_printer import print_json
from components.process.errors import SiteError

Everybody = Annotated[bool, Parameter(name="--all", help="All that this approver can decide on.")]
People = Annotated[str, Parameter(help="Their JIDs.")]
Requests = Annotated[str, Parameter(help="Their JIDs, or the first characters of the requests' digests.")]

app = App(name="access", help="Admit people to the line, and end their admission (docs/admission.md).")


@app.command
def request(
    *people: People,
    everybody: Annotated[
        bool, Parameter(name="--all", help="Everybody in the directory for whom nobody ever asked.")
    ] = False,
    by: str = "",
    days: int | None = None,
    reason: Reason = "",
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Request the admission of people in the directory. Two approvers must then approve it.

    Parameters
    ----------
    by
        The JID of who asks, if not the person.
    days
        For how many days; if left out, as long as the settings allow.
    """
    from components.cli.output.access import describe_made, print_made
    from components.rules.access.desk import open_desk, request_access

    _require_names(people, everybody)
    made = request_access(open_desk(site), people, by, days, reason)
    if as_json:
        print_json(describe_made(made))
    else:
        print_made(made)


@app.command
def approve(
    *requests: Requests,
    key: ApproverKey,
    everybody: Everybody = False,
    reason: Reason = "",
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Approve requests with an approver's key. The second approval admits the person."""
    _decide("approve", requests, key, everybody, reason, as_json, site)


@app.command
def deny(
    *requests: Requests,
    key: ApproverKey,
    reason: Reason = "",
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Deny requests with an approver's key. One denial is enough."""
    _decide("deny", requests, key, False, reason, as_json, site)


@app.command
def certify(
    *people: People,
    key: ApproverKey,
    everybody: Everybody = False,
    reason: Reason = "",
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Certify with an approver's key that people still need the line. It is due at regular intervals."""
    _decide("certify", people, key, everybody, reason, as_json, site)


@app.command
def revoke(
    *people: People,
    key: ApproverKey,
    reason: Reason = "",
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """End people's admission with an approver's key: their sessions end and their accounts are removed."""
    _decide("revoke", people, key, False, reason, as_json, site)


@app.command
def sign(statement: str, *, key: ApproverKey, as_json: AsJson = False) -> None:
    """Sign a statement that an approver's chat client showed, and print the line to paste there.

    Parameters
    ----------
    statement
        The line that begins with steelyard-access/1, in quotes.
    """
    from components.cli.output.access import describe_statement
    from components.rules.access.desk import sign_elsewhere

    found, signature = sign_elsewhere(statement, key)
    if as_json:
        print_json(describe_statement(found) | {"signature": signature})
    else:
        print(signature)


@app.command(name="list")
def list_(*, as_json: AsJson = False, site: SiteOption = DEFAULT_SITE) -> None:
    """List everybody and their state: requested, admitted and until when, denied, expired, revoked."""
    from components.cli.output.access import describe_people, print_people
    from components.rules.access.desk import list_access, open_desk

    rows = list_access(open_desk(site))
    if as_json:
        print_json(describe_people(rows))
    else:
        print_people(rows)


def _decide(
    act: str, named: Sequence[str], key: str, everybody: bool, reason: str, as_json: bool, site: Path
) -> None:
    from components.cli.output.access import describe_made, print_made
    from components.rules.access.desk import decide_access, open_desk
    from policy.access.statement import AccessAct

    _require_names(named, everybody)
    made = decide_access(open_desk(site), AccessAct(act), named, key, reason)
    if as_json:
        print_json(describe_made(made))
    else:
        print_made(made)


def _require_names(named: Sequence[str], everybody: bool) -> None:
    if bool(named) == everybody:
        raise SiteError("name people by their JIDs, or use --all where the command has it")
