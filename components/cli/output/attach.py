"""What `steelyard attach` prints."""

from pathlib import Path
from typing import Any

from components.cli.output.paths import relative
from components.site.attach.apply import AttachPlan
from components.site.attach.propose import Proposal


def describe_plan(plan: AttachPlan, copy: Path | None) -> dict[str, Any]:
    """Describe a plan for JSON; `copy` is where the configuration is kept, if the plan was applied."""
    return {
        "config": str(plan.config),
        "was_attached": plan.is_attached,
        "adds": list(plan.added),
        "file": str(plan.included),
        "content": plan.shown.splitlines(),
        "problems": list(plan.problems),
        "remarks": [note.text for note in plan.notes if not note.is_problem],
        "applied": copy is not None,
        "copy": None if copy is None else str(copy),
    }


def print_plan(plan: AttachPlan) -> None:
    """Print the lines for a server, and what is to be mended or known."""
    print(
        f"{plan.config} has these lines:"
        if plan.is_attached
        else f"{plan.config} gets these lines, at its end:"
    )
    for line in plan.added:
        print(f"  {line}")
    print(f"{plan.included}:")
    for line in plan.shown.splitlines():
        print(f"  {line}")
    for note in plan.notes:
        print(f"{'✘' if note.is_problem else '-'} {note.text}")
    if plan.problems:
        print("nothing can be applied before the lines with ✘ are mended")


def print_applied(plan: AttachPlan, copy: Path) -> None:
    """Print what was done, and what is to be done next."""
    print(f"written; {copy.name} beside {plan.config.name} is the configuration as it was before")
    print(
        "start the gate (steelyard up), then restart the server: until the gate is connected, nothing is delivered"
    )


def describe_undone(same: bool) -> dict[str, Any]:
    """Describe for JSON what was undone."""
    return {"undone": True, "as_before": same}


def print_undone(config: Path, *, same: bool) -> None:
    """Print what was undone."""
    how = "as it was before" if same else "without Steelyard's lines; what else has changed since stays"
    print(f"{config} is {how}: restart the server, then stop the gate")


def describe_proposal(proposal: Proposal) -> dict[str, Any]:
    """Describe a proposal for JSON."""
    return {
        "site": str(proposal.site_toml),
        "directory": str(proposal.directory),
        "directory_sha256": proposal.digest,
        "people": proposal.people,
        "rooms": proposal.rooms,
        "contacts_outside": proposal.outside,
        "not_read": list(proposal.elsewhere),
    }


def print_proposal(proposal: Proposal) -> None:
    """Print what was proposed, and who has to look at it."""
    print(f"made {relative(proposal.site_toml)}")
    print(f"made {relative(proposal.directory)}: {proposal.people} people, {proposal.rooms} rooms")
    if proposal.outside:
        print(f"- {proposal.outside} contacts are outside: see the comments in {proposal.directory.name}")
    for host in proposal.elsewhere:
        print(f"- {host} has another storage than internal: write its people and rooms yourself")
    print(f"SHA-256 {proposal.digest}: two approvers compare it and go through the file before it is used")
    print(f"next: steelyard init --site {relative(proposal.site_toml)}")
