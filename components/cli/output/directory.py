"""What the commands for the directory print (docs/directory.md)."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from components.directory.plan import DirectoryPlan
from policy.directory.change import DirectoryChange
from policy.directory.directory import Directory
from policy.directory.enterprise import Desk, Enterprise, Person


def describe_plan(plan: DirectoryPlan, *, applied: bool = False) -> dict[str, Any]:
    """Describe a plan for JSON."""
    return {
        "applied": applied,
        "changes": [_describe_change(change) for change in plan.changes],
        "left_out": dict(plan.left_out),
        "refusals": list(plan.refusals),
    }


def _describe_change(change: DirectoryChange) -> dict[str, Any]:
    details = {each.name: {"old": each.old, "new": each.new} for each in change.details}
    return asdict(change) | {"details": details}


def print_plan(plan: DirectoryPlan, refusals: Sequence[str]) -> None:
    """Print a plan, and then why it is not carried out."""
    print("\n".join(plan_lines(plan)) or "nothing to change")
    print_problems(refusals)


def print_problems(problems: Sequence[str]) -> None:
    """Print what is wrong, a line each."""
    for problem in problems:
        print(f"✘ {problem}")


def plan_lines(plan: DirectoryPlan) -> Iterator[str]:
    """Yield the lines of a plan: `+` new, `-` departed, `~` changed, below the name of each enterprise."""
    heading = None
    for change in plan.changes:
        if change.enterprise != heading:
            heading = change.enterprise
            yield heading or "the line"
        yield f"  {change}"
    for enterprise, number in plan.left_out.items():
        if number:
            listed = "1 account has" if number == 1 else f"{number:,} accounts have"
            yield f"{enterprise}: {listed} no role in the source, and so no place on the line"


def describe_directory(directory: Directory) -> dict[str, Any]:
    """Describe for JSON who is on the line: enterprises with their desks and people."""
    return {"enterprises": [_describe_enterprise(firm) for firm in directory.enterprises]}


def _describe_enterprise(firm: Enterprise) -> dict[str, Any]:
    return {
        "id": firm.id,
        "name": firm.name,
        "desks": [asdict(desk) for desk in firm.desks],
        "people": [_describe_person(person) for person in firm.people],
    }


def _describe_person(person: Person) -> dict[str, Any]:
    return {
        "jid": person.jid,
        "name": person.name,
        "desk": person.desk,
        "roles": sorted(person.roles),
        "id": person.id,
    }


def print_directory(directory: Directory) -> None:
    """Print who is on the line, by enterprise and desk."""
    for line in directory_lines(directory):
        print(line)


def directory_lines(directory: Directory) -> Iterator[str]:
    """Yield a line for each enterprise, desk and person."""
    for firm in directory.enterprises:
        yield f"{firm.name} ({firm.id}): {len(firm.people):,} people"
        nowhere: list[Desk | None] = [None]
        for desk in [*firm.desks, *nowhere]:
            people = [person for person in firm.people if person.desk == (desk and desk.id)]
            if people:
                yield f"  {desk.name} ({desk.id})" if desk else "  at no desk"
                yield from (f"    {_person_line(person)}" for person in people)


def _person_line(person: Person) -> str:
    id_ = f", id {person.id}" if person.id else ""
    return f"{person.jid}  {person.name} ({', '.join(sorted(person.roles))}{id_})"
