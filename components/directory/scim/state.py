"""What was pushed for one enterprise: its users and groups, in one file."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from components.archive.durable import PRIVATE, replace_durably
from components.directory.scim.schema import GROUP, USER, ResourceType

_VERSION = 1
Resource = Mapping[str, Any]
"""A stored resource: its `id`, what `clean` keeps of it, and `created` and `changed` (RFC 3339)."""


class ScimStateError(Exception):
    """A file of pushed people cannot be read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class ScimState:
    """Users and groups by their ids, in the order in which they came. A change makes a new state."""

    users: Mapping[str, Resource] = field(default_factory=dict)
    groups: Mapping[str, Resource] = field(default_factory=dict)

    def of(self, kind: ResourceType) -> Mapping[str, Resource]:
        """Return the resources of a type."""
        return self.users if kind is USER else self.groups

    def with_resource(self, kind: ResourceType, resource: Resource) -> "ScimState":
        """Return the state with a resource, new or changed."""
        return self._with(kind, {**self.of(kind), str(resource["id"]): resource})

    def without(self, kind: ResourceType, id_: str) -> "ScimState":
        """Return the state without a resource, which also leaves all groups."""
        left = {key: value for key, value in self.of(kind).items() if key != id_}
        rest = self._with(kind, left)
        groups = {key: _without_member(group, id_) for key, group in rest.groups.items()}
        return ScimState(rest.users, groups)

    def groups_of(self) -> Mapping[str, list[Resource]]:
        """Return the groups of each member by its id."""
        found: dict[str, list[Resource]] = {}
        for group in self.groups.values():
            for member in _members(group):
                found.setdefault(member, []).append(group)
        return found

    def _with(self, kind: ResourceType, resources: Mapping[str, Resource]) -> "ScimState":
        return ScimState(resources, self.groups) if kind is USER else ScimState(self.users, resources)


def _members(group: Resource) -> Iterator[str]:
    yield from (str(row["value"]) for row in group.get("members", ()) if "value" in row)


def _without_member(group: Resource, id_: str) -> Resource:
    if id_ not in _members(group):
        return group
    return {**group, "members": [row for row in group["members"] if row.get("value") != id_]}


def version_of(resource: Resource) -> str:
    """Return the entity tag of a resource (RFC 7644, 3.14): it changes whenever anything in the resource changes."""
    digest = hashlib.sha256(orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return f'W/"{digest[:16]}"'


def load_state(file: Path) -> ScimState | None:
    """Read what was pushed, None if nothing was; raises ScimStateError."""
    try:
        document = orjson.loads(file.read_bytes())
        if document["version"] != _VERSION:
            raise ScimStateError(f"{file} is of another version of Steelyard")
        users, groups = (
            {str(row["id"]): row for row in document[kind.endpoint[1:]]} for kind in (USER, GROUP)
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ScimStateError(
            f"{file} cannot be read ({error}); put it back from a backup, or delete it and have all pushed again"
        ) from None
    return ScimState(users, groups)


def store_state(file: Path, state: ScimState) -> None:
    """Write what was pushed, durably; raises OSError, and then the file is as it was."""
    document = {
        "version": _VERSION,
        "Users": list(state.users.values()),
        "Groups": list(state.groups.values()),
    }
    replace_durably(file, orjson.dumps(document) + b"\n", PRIVATE)
