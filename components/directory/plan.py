"""Plans the new directory: puts the sources' people in, validates everything, and finds the difference."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from components.directory.gather import Gathered
from components.directory.people import ListedPerson
from policy.directory.change import DirectoryChange, describe_changes, find_departed
from policy.directory.departure import replace_people
from policy.directory.directory import Directory, DirectoryError, parse_directory
from policy.directory.enterprise import EnterpriseId
from policy.directory.text import encode_directory
from policy.problems import ProblemsError

_PERSON_PATH = re.compile(r"enterprise\.([a-z0-9-]+)\.person\[(\d+)\](?:\.(\w+))?")


class PlanError(ProblemsError):
    """The directory with the sources' people would be wrong; `problems` has a line for each fault."""


@dataclass(frozen=True, slots=True)
class DirectoryPlan:
    """A valid directory that the sources ask for, how it differs from the present one, and why not to apply it.

    `left_out` counts those whom a source lists without a role. `refusals` has a line for each enterprise that too
    many people would leave at once.
    """

    old: Directory
    new: Directory
    changes: tuple[DirectoryChange, ...]
    left_out: Mapping[EnterpriseId, int]
    refusals: tuple[str, ...] = ()


def make_plan(
    old: Directory, gathered: Gathered, max_departures: float, allowed_departures: int | None = None
) -> DirectoryPlan:
    """Return what the sources ask for; raises PlanError if that is not a valid directory.

    At most the share `max_departures` of an enterprise's people may leave it at once, but one person always may.
    `allowed_departures`, a number of people of each enterprise, replaces this limit.
    """
    new = put_in_place(old, gathered.people)
    changes = describe_changes(old, new)
    refusals = _refusals(old, changes, max_departures, allowed_departures)
    return DirectoryPlan(old, new, changes, gathered.left_out, tuple(refusals))


def put_in_place(directory: Directory, people: Mapping[EnterpriseId, Sequence[ListedPerson]]) -> Directory:
    """Return the directory with the listed people in place of those of their enterprises; raises PlanError."""
    known = {firm.id for firm in directory.enterprises}
    if unknown := sorted(people.keys() - known):
        raise PlanError(
            [
                f"directory.toml has no enterprise {firm!r}; add it there, or correct its source"
                for firm in unknown
            ]
        )
    listed = {firm: sorted(rows, key=lambda row: row.person.jid) for firm, rows in people.items()}
    firms = tuple(
        replace_people(firm, [row.person for row in listed[firm.id]]) if firm.id in listed else firm
        for firm in directory.enterprises
    )
    new = replace(directory, enterprises=firms)
    try:
        read_back = parse_directory(encode_directory(new))
    except DirectoryError as error:
        raise PlanError([_name_origin(problem, listed) for problem in error.problems]) from None
    # If a rule names a person in a new way, its parts may have moved. All else must come back as it was.
    if read_back != new and parse_directory(encode_directory(directory)) != directory:
        raise PlanError(
            ["directory.toml cannot hold all that the directory says; tell the makers of Steelyard"]
        )
    return read_back


def find_misplaced(directory: Directory, people: Mapping[EnterpriseId, Sequence[ListedPerson]]) -> list[str]:
    """Return the directory's faults in some people of its sources, a line each.

    Other people may be missing, so it does not check references between people.
    """
    try:
        put_in_place(directory, people)
    except PlanError as error:
        origins = [row.origin for rows in people.values() for row in rows]
        return [problem for problem in error.problems if any(origin in problem for origin in origins)]
    return []


def _name_origin(problem: str, listed: Mapping[EnterpriseId, Sequence[ListedPerson]]) -> str:
    """Return the place where a source lists a person, instead of their number in a file that is not written yet."""

    def name(match: re.Match[str]) -> str:
        rows = listed.get(EnterpriseId(match[1]))
        if rows is None:
            return match[0]
        row = rows[int(match[2])]
        return f"{row.origin}, {match[3]}" if match[3] else f"{row.origin} ({row.person.jid})"

    return _PERSON_PATH.sub(name, problem)


def _refusals(
    old: Directory, changes: Sequence[DirectoryChange], max_departures: float, allowed: int | None
) -> Iterator[str]:
    for firm in old.enterprises:
        departed = len(find_departed(changes, firm.id))
        limit = _may_leave(len(firm.people), max_departures) if allowed is None else allowed
        if departed > limit:
            yield (
                f"{departed} of {len(firm.people)} people would leave {firm.id}, more than {limit}; if that is right, "
                f"run `steelyard directory apply --allow-departures {departed}`"
            )


def _may_leave(people: int, share: float) -> int:
    """Return how many may leave at once; exactly, as the setting is written: 0.29 of 100 people are 29."""
    return max(1, int(people * Fraction(str(share))))
