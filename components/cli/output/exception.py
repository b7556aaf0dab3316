"""What the commands for exceptions from barriers print (docs/borders.md)."""

from collections.abc import Sequence
from typing import Any

from components.rules.exceptions import KeptException
from policy.utc import format_utc


def describe_exceptions(kept: Sequence[KeptException]) -> dict[str, Any]:
    """Describe exceptions for JSON."""
    return {"exceptions": [_describe(each) for each in kept]}


def print_exceptions(kept: Sequence[KeptException]) -> None:
    """Print exceptions: their states, who may talk, from when until when, why, and who signed."""
    for each in kept:
        about = each.exception
        print(f"{each.id}  {each.state}{f': {each.problem}' if each.problem else ''}")
        if about is not None:
            print(f"  {' and '.join(about.people)}")
            times = f"from {format_utc(about.begins_s)} until {format_utc(about.ends_s)}"
            print(f"  {times}: {about.reason}")
            print(f"  signed by {', '.join(each.signed_by) or 'nobody yet'}")
    if not kept:
        print("There are no exceptions.")


def _describe(kept: KeptException) -> dict[str, Any]:
    exception = kept.exception
    return {
        "id": kept.id,
        "state": kept.state.value,
        "enterprise": exception.enterprise if exception else "",
        "people": list(exception.people) if exception else [],
        "begins": format_utc(exception.begins_s) if exception else "",
        "ends": format_utc(exception.ends_s) if exception else "",
        "reason": exception.reason if exception else "",
        "signed_by": list(kept.signed_by),
        "problem": kept.problem,
    }
