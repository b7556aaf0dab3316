"""The `steelyard access` commands: who is admitted to the line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from components.cli.options import DEFAULT_SITE, ApproverKey, AsJson, Reason, SiteOption
from components.cli.output.json_printer import print_json
from components.process.errors import SiteError

if TYPE_CHECKING:
    from policy.access.statement import Statement

Everybody = Annotated[bool, Parameter(name="--all", help="All that this approver can decide on.")]
People = Annotated[str, Parameter(help="Their JIDs.")]
Requests = Annotated[str, Parameter(help="Their JIDs, or the first characters of the requests' digests.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Decision:
    """What each decision of an approver takes."""

    key: ApproverKey
    reason: Reason = ""
    as_json: AsJson = False
    site: SiteOption = DEFAULT_SITE


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
    from components.rules.access.desk import open_desk, request_access

    _require_names(people, everybody)
    _tell(request_access(open_desk(site), people, by, days, reason), as_json)


@app.command
def approve(*requests: Requests, decision: Decision, everybody: Everybody = False) -> None:
    """Approve requests with an approver's key. The second approval admits the person."""
    _decide("approve", requests, decision, everybody=everybody)


@app.command
def deny(*requests: Requests, decision: Decision) -> None:
    """Deny requests with an approver's key. One denial is enough."""
    _decide("deny", requests, decision)


@app.command
def certify(*people: People, decision: Decision, everybody: Everybody = False) -> None:
    """Certify with an approver's key that people still need the line. It is due at regular intervals."""
    _decide("certify", people, decision, everybody=everybody)


@app.command
def revoke(*people: People, decision: Decision) -> None:
    """End people's admission with an approver's key: their sessions end and their accounts are removed."""
    _decide("revoke", people, decision)


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


def _decide(act: str, named: Sequence[str], decision: Decision, *, everybody: bool = False) -> None:
    from components.rules.access.desk import decide_access, open_desk
    from policy.access.statement import AccessAct

    _require_names(named, everybody)
    made = decide_access(open_desk(decision.site), AccessAct(act), named, decision.key, decision.reason)
    _tell(made, decision.as_json)


def _tell(made: "Sequence[Statement]", as_json: bool) -> None:
    from components.cli.output.access import describe_made, print_made

    if as_json:
        print_json(describe_made(made))
    else:
        print_made(made)


def _require_names(named: Sequence[str], everybody: bool) -> None:
    if bool(named) == everybody:
        raise SiteError("name people by their JIDs, or use --all where the command has it")
