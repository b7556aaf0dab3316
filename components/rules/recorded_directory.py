"""The directory as the gate records it: who was who on the line, a line for each entry, and what changed of it.

An auditor's names, desks and enterprises are those of the time of a message, and only the log can tell them.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from components.process.json_text import read_json

if TYPE_CHECKING:
    from policy.directory.directory import Directory
    from policy.directory.enterprise import Enterprise

DETAIL = "listed"
"""The detail of a record of rules that has the lines."""


class ListedKind(StrEnum):
    """What an entry is about."""

    ENTERPRISE = "enterprise"
    SITE = "site"
    ROOMS = "rooms"
    COMPONENT = "component"
    DESK = "desk"
    PERSON = "person"
    ROOM = "room"


@dataclass(frozen=True, slots=True, order=True)
class Listed:
    """An entry: `address` is a bare JID or a domain, `site` the domain of the site that it is part of.

    `id` is a person's that stays when the account is renamed, `roles` theirs with blanks between; what an entry does
    not have is empty.
    """

    kind: ListedKind
    enterprise: str
    address: str = ""
    name: str = ""
    desk: str = ""
    site: str = ""
    roles: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class ListedChange:
    """Which entries are new, and which are gone; where it `is_whole`, all others are gone, too."""

    is_whole: bool
    new: tuple[Listed, ...]
    gone: tuple[Listed, ...] = ()


def list_directory(directory: "Directory") -> frozenset[Listed]:
    """Return all entries of a directory that an auditor may ask for."""
    return frozenset(entry for firm in directory.enterprises for entry in _list_enterprise(firm))


def write_listed(after: "Directory", before: "Directory | None" = None) -> str:
    """Write the entries, or those that differ from before, a line for each with a + or a -."""
    new = list_directory(after)
    old = list_directory(before) if before else frozenset()
    return "\n".join(
        [
            *(f"-{_write(each)}" for each in sorted(old - new)),
            *(f"+{_write(each)}" for each in sorted(new - old)),
        ]
    )


def parse_listed(name: str, lines: str) -> ListedChange:
    """Parse the lines of a record of rules with this name; raises ValueError."""
    marked = [(line[:1], _parse(line[1:])) for line in lines.split("\n") if line]
    new = tuple(entry for mark, entry in marked if mark == "+")
    return ListedChange(name == "in-force", new, tuple(entry for mark, entry in marked if mark == "-"))


def _list_enterprise(firm: "Enterprise") -> Iterator[Listed]:
    yield Listed(ListedKind.ENTERPRISE, firm.id, name=firm.name)
    for site in firm.sites:
        yield Listed(ListedKind.SITE, firm.id, site.domain, site=site.domain)
        if site.rooms:
            yield Listed(ListedKind.ROOMS, firm.id, site.rooms, site=site.domain)
        yield from (Listed(ListedKind.COMPONENT, firm.id, each, site=site.domain) for each in site.components)
    for desk in firm.desks:
        yield Listed(ListedKind.DESK, firm.id, name=desk.name, desk=desk.id)
    for person in firm.people:
        roles = " ".join(sorted(person.roles))
        yield Listed(
            ListedKind.PERSON, firm.id, person.jid, person.name, person.desk or "", "", roles, person.id or ""
        )
    for room in firm.rooms:
        yield Listed(ListedKind.ROOM, firm.id, room.jid, room.name)


def _write(entry: Listed) -> str:
    values: Iterable[str] = (
        entry.kind,
        entry.enterprise,
        entry.address,
        entry.name,
        entry.desk,
        entry.site,
        entry.roles,
        entry.id,
    )
    return json.dumps([*values], ensure_ascii=False, separators=(",", ":"))


def _parse(line: str) -> Listed:
    values = read_json(line)
    if not isinstance(values, list) or len(values) != 8 or not all(isinstance(each, str) for each in values):
        raise ValueError("a line is no entry of a directory")
    return Listed(ListedKind(values[0]), *values[1:])
