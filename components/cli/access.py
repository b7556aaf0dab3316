"""The `steelyard access` commands: who is admitted to the line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter

from components.cli.options import COMMON, OUTPUT, ApproverKey, Common, Output, Reason
from components.process.errors import SiteError

Everybody = Annotated[bool, Parameter(name="--all", help="All that this approver can decide on.")]
People = Annotated[str, Parameter(help="Their JIDs.")]
Requests = Annotated[str, Parameter(help="Their JIDs, or the first characters of the requests' digests.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Decision:
    """The options of each decision of an approver."""

    key: ApproverKey
    reason: Reason = ""
    common: Common = COMMON


app = App(name="access", help="Admit people to the line, and end their admission (docs/admission.md).")


@app.command
def request(
    *people: People,
    everybody: Annotated[
        bool, Parameter(name="--all", help="Everybody in the directory for whom there is no request yet.")
    ] = False,
    by: str = "",
    days: int | None = None,
    reason: Reason = "",
    common: Common = COMMON,
) -> None:
    """Request the admission of people in the directory. Two approvers must then approve it.

    Parameters
    ----------
    by
        The JID of the person who makes the request, if it is somebody else.
    days
        For how many days; if left out, as long as the settings allow.
    """
    from components.cli.output.access import describe_made, print_made
    from components.rules.access.desk import open_desk, request_access

    _require_names(people, everybody)
    made = request_access(open_desk(common.site), people, by, days, reason)
    common.tell(made, describe_made, print_made)


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
def sign(statement: str, *, key: ApproverKey, output: Output = OUTPUT) -> None:
    """Sign a statement that an approver's chat client showed, and print the line to paste there.

    Parameters
    ----------
    statement
        The line that begins with steelyard-access/1, in quotes.
    """
    from components.cli.output.access import describe_statement
    from components.rules.access.desk import sign_elsewhere

    found, signature = sign_elsewhere(statement, key)
    output.tell(signature, lambda line: describe_statement(found) | {"signature": line}, print)


@app.command(name="list")
def list_(*, common: Common = COMMON) -> None:
    """List everybody and their state: requested, admitted and until when, denied, expired, revoked."""
    from components.cli.output.access import describe_people, print_people
    from components.rules.access.desk import list_access, open_desk

    common.tell(list_access(open_desk(common.site)), describe_people, print_people)


def _decide(act: str, named: Sequence[str], decision: Decision, *, everybody: bool = False) -> None:
    from components.cli.output.access import describe_made, print_made
    from components.rules.access.desk import decide_access, open_desk
    from policy.access.statement import AccessAct

    _require_names(named, everybody)
    made = decide_access(
        open_desk(decision.common.site), AccessAct(act), named, decision.key, decision.reason
    )
    decision.common.tell(made, describe_made, print_made)


def _require_names(named: Sequence[str], everybody: bool) -> None:
    if bool(named) == everybody:
        raise SiteError("name people by their JIDs, or use --all where the command has it")
