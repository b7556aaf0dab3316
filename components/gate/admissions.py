"""Who came onto the line and who left it with a change of the rules, as records say it."""

from collections.abc import Iterable, Iterator
from itertools import islice

from components.archive.record import Event, RecordKind
from policy.rules import Rules

_PEOPLE_AT_ONCE = 100
"""So many are named in one record."""


def describe_admissions(before: Rules, after: Rules, at_ns: int) -> Iterator[Event]:
    """Give events for those who are on the line now, who are not any more, and who know now that it is recorded."""
    old, new = before.directory, after.directory
    changes = (
        ("admitted", new.people.keys() - old.people.keys()),
        ("left", old.people.keys() - new.people.keys()),
        ("informed", (old.uninformed - new.uninformed) & new.people.keys()),
    )
    for name, people in changes:
        for some in _pack(sorted(people)):
            # `who` is what a search by address looks at, and names one; of many, their words are found.
            who = (("who", some[0]),) if len(some) == 1 else (("people", " ".join(some)),)
            yield Event(RecordKind.ADMISSION, name, tuple(sorted((*who, ("rules", after.name)))), at_ns)


def _pack(people: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(people)
    while some := list(islice(rest, _PEOPLE_AT_ONCE)):
        yield some
