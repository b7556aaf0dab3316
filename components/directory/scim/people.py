"""Makes people of the directory from what an identity provider pushed."""

from collections.abc import Iterable

from components.directory.people import ListedPerson, Listing, SourceError, make_person
from components.directory.scim.schema import ENTERPRISE
from components.directory.scim.state import Resource, ScimState, ScimStateError, load_state
from components.settings.directory import ScimSource
from policy.directory.enterprise import Person

NAME_MAX = 200


def list_scim(source: ScimSource) -> Listing:
    """Read what was pushed; raises SourceError with all problems."""
    try:
        state = load_state(source.state)
    except ScimStateError as error:
        raise SourceError([str(error)]) from None
    if state is None:
        raise SourceError(
            [f"nothing has been pushed for {source.enterprise} yet (there is no {source.state})"]
        )
    return make_listing(source, state)


def make_listing(source: ScimSource, state: ScimState) -> Listing:
    """Return the people of the users that are active; raises SourceError with all problems."""
    people, problems, left_out = [], [], 0
    groups = state.groups_of()
    for user in state.users.values():
        if user.get("active") is False:
            continue
        words = set(_words(user, groups.get(str(user["id"]), ())))
        if not source.default_roles and not words & source.roles.keys():
            left_out += 1
            continue
        origin = f"SCIM user {user['userName']}"
        try:
            people.append(ListedPerson(_make(source, user, words), origin))
        except SourceError as error:
            problems += [f"{origin}: {problem}" for problem in error.problems]
    if problems:
        raise SourceError(problems)
    return Listing(tuple(people), left_out)


def _make(source: ScimSource, user: Resource, words: set[str]) -> Person:
    return make_person(
        source,
        account=user["userName"],
        name=display_name(user),
        id_=user.get(ENTERPRISE, {}).get("employeeNumber") or user.get("externalId"),
        desks=[source.desks[word] for word in words if word in source.desks],
        roles=[source.roles[word] for word in words if word in source.roles],
    )


def display_name(user: Resource) -> str:
    """Return the name of a person: the first of the possible ones that is there."""
    name = user.get("name", {})
    parts = " ".join(name[part] for part in ("givenName", "familyName") if part in name)
    return str(user.get("displayName") or name.get("formatted") or parts or user["userName"])[:NAME_MAX]


def _words(user: Resource, groups: Iterable[Resource]) -> Iterable[str]:
    """Yield values that may stand for a desk or a role: the names of groups, the user's own roles, the department."""
    yield from (str(group["displayName"]) for group in groups)
    yield from (str(role["value"]) for role in user.get("roles", ()) if "value" in role)
    if department := user.get(ENTERPRISE, {}).get("department"):
        yield str(department)
