"""Reads what all sources list now, by enterprise."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from components.directory.csv_source import list_csv
from components.directory.ldap_source import list_ldap
from components.directory.people import ListedPerson, Listing, SourceError
from components.directory.scim.people import list_scim
from components.settings.directory import CsvSource, DirectorySettings, LdapSource, ScimSource, SourceTable
from policy.directory.enterprise import EnterpriseId


@dataclass(frozen=True, slots=True)
class Gathered:
    """The people whom the sources list, and how many they list without a role, by enterprise."""

    people: Mapping[EnterpriseId, tuple[ListedPerson, ...]]
    left_out: Mapping[EnterpriseId, int]


class GatherError(SourceError):
    """Some sources cannot be read, or only in part; `gathered` is what could be read."""

    def __init__(self, problems: Iterable[str], gathered: Gathered) -> None:
        super().__init__(problems)
        self.gathered = gathered


def gather_people(
    settings: DirectorySettings, enterprises: Collection[EnterpriseId] | None = None
) -> Gathered:
    """Read all sources, or those of some enterprises; raises GatherError with the problems of all of them.

    Several sources of one enterprise add up.
    """
    people: defaultdict[EnterpriseId, list[ListedPerson]] = defaultdict(list)
    left_out: defaultdict[EnterpriseId, int] = defaultdict(int)
    problems: list[str] = []
    for source in settings.sources:
        enterprise = EnterpriseId(source.enterprise)
        if enterprises is not None and enterprise not in enterprises:
            continue
        try:
            listing = _list(source)
        except SourceError as error:
            problems += error.problems
            people[enterprise] += error.readable
            continue
        people[enterprise] += listing.people
        left_out[enterprise] += listing.left_out
    gathered = Gathered({firm: tuple(listed) for firm, listed in people.items()}, dict(left_out))
    if problems:
        raise GatherError(problems, gathered)
    return gathered


def _list(source: SourceTable) -> Listing:
    match source:
        case CsvSource():
            return list_csv(source)
        case LdapSource():
            return list_ldap(source)
        case ScimSource():
            return list_scim(source)
    raise AssertionError(f"{type(source).__name__} is no kind of source")
