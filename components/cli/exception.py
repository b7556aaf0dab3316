"""The `steelyard policy exception` commands (docs/commands.md)."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from components.cli.errors import errors_in_lines

if TYPE_CHECKING:
    from components.rules.exceptions import KeptException

SiteFile = Annotated[Path, Parameter(name="--site", env_var="STEELYARD_SITE", help="The site's file.")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")]
Key = Annotated[str, Parameter(help="Where the approver's private key is kept (docs/keys.md).")]
DEFAULT_SITE = Path("var/site.toml")

app = App(name="exception", help="Let named people talk across a barrier for a time (docs/borders.md).")


@app.command
def propose(
    *people: str,
    reason: str,
    begins: str = "",
    ends: str = "",
    hours: float | None = None,
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Propose an exception, which counts once two approvers have signed it.

    Parameters
    ----------
    people
        JIDs of at least two people of one enterprise, who may then reach one another.
    reason
        Why, in one line.
    begins
        From when, in UTC as 2026-11-24T09:00:00Z (default: now).
    ends
        Until when.
    hours
        How long, instead of --ends (default: 24).
    """
    from components.rules import exception_acts

    with errors_in_lines():
        file = exception_acts.propose(site, people, begins, ends, hours, reason)
    id_ = file.stem
    if as_json:
        print(json.dumps({"id": id_, "file": str(file)}))
    else:
        print(f"{id_} needs two approvers: steelyard policy exception approve {id_} --key KEY")


@app.command
def approve(id_: str, /, *, key: Key, as_json: AsJson = False, site: SiteFile = DEFAULT_SITE) -> None:
    """Sign an exception with an approver's key; the second signature puts it in force.

    Parameters
    ----------
    id_
        The exception's id.
    """
    from components.rules import exception_acts

    with errors_in_lines():
        kept = exception_acts.approve(site, id_, key)
    _print([kept], as_json)


@app.command
def withdraw(
    id_: str, /, *, key: Key, reason: str = "", as_json: AsJson = False, site: SiteFile = DEFAULT_SITE
) -> None:
    """End an exception at once; one approver is enough.

    Parameters
    ----------
    id_
        The exception's id.
    reason
        Why, in one line.
    """
    from components.rules import exception_acts

    with errors_in_lines():
        kept = exception_acts.withdraw(site, id_, key, reason)
    _print([kept], as_json)


@app.command(name="list")
def list_(*, as_json: AsJson = False, site: SiteFile = DEFAULT_SITE) -> None:
    """List all exceptions, with their states and who signed them."""
    from components.rules import exception_acts

    with errors_in_lines():
        kept = exception_acts.fetch_all(site)
    _print(kept, as_json)


def _print(kept: "list[KeptException]", as_json: bool) -> None:
    from components.rules.exception_acts import describe

    described = [describe(each) for each in kept]
    if as_json:
        print(json.dumps({"exceptions": described}, indent=2, ensure_ascii=False))
        return
    for each in kept:
        about = each.exception
        print(f"{each.id}  {each.state}{f': {each.problem}' if each.problem else ''}")
        if about is not None:
            print(f"  {' and '.join(about.people)}")
            times = describe(each)
            print(f"  from {times['begins']} until {times['ends']}: {about.reason}")
            print(f"  signed by {', '.join(each.signed_by) or 'nobody yet'}")
    if not kept:
        print("There are no exceptions.")
