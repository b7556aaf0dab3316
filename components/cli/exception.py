"""The `steelyard policy exception` commands: who may talk across a barrier, and for how long."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from components.cli.options import COMMON, ApproverKey, Common, Reason
from components.cli.output.json_printer import print_json

if TYPE_CHECKING:
    from components.rules.exceptions import KeptException

ExceptionId = Annotated[str, Parameter(help="The exception's id.")]

app = App(name="exception", help="Let named people talk across a barrier for a time (docs/borders.md).")


@app.command
def propose(
    *people: str,
    reason: Reason,
    begins: str = "",
    ends: str = "",
    hours: float | None = None,
    common: Common = COMMON,
) -> None:
    """Propose an exception. It takes effect when two approvers have signed it.

    Parameters
    ----------
    people
        The JIDs of two or more people of one enterprise, who may then talk to one another.
    begins
        The start, in UTC, such as 2026-11-24T09:00:00Z (default: now).
    ends
        The end, in UTC.
    hours
        How many hours it lasts, instead of --ends (default: 24).
    """
    from components.rules import exception_acts

    file = exception_acts.propose(common.site, people, begins, ends, hours, reason)
    id_ = file.stem
    if common.as_json:
        print_json({"id": id_, "file": str(file)})
    else:
        print(f"{id_} needs two approvers: steelyard policy exception approve {id_} --key KEY")


@app.command
def approve(id_: ExceptionId, /, *, key: ApproverKey, common: Common = COMMON) -> None:
    """Sign an exception with an approver's key. It takes effect with the second signature."""
    from components.rules import exception_acts

    _tell([exception_acts.approve(common.site, id_, key)], common)


@app.command
def withdraw(
    id_: ExceptionId,
    /,
    *,
    key: ApproverKey,
    reason: Reason = "",
    common: Common = COMMON,
) -> None:
    """End an exception at once. One approver is enough."""
    from components.rules import exception_acts

    _tell([exception_acts.withdraw(common.site, id_, key, reason)], common)


@app.command(name="list")
def list_(*, common: Common = COMMON) -> None:
    """List all exceptions, their states and who signed them."""
    from components.rules import exception_acts

    _tell(exception_acts.fetch_all(common.site), common)


def _tell(kept: "Sequence[KeptException]", common: Common) -> None:
    from components.cli.output.exception import describe_exceptions, print_exceptions

    common.tell(kept, describe_exceptions, print_exceptions)
