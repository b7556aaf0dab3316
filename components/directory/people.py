"""Makes people of the directory from people as their sources list them."""

from collections.abc import Iterable
from dataclasses import dataclass

from components.settings.directory import SourceTable
from policy.address import AddressError, BareJid, fold_address, parse_bare_jid
from policy.directory.enterprise import DeskId, Person, Role
from policy.problems import ProblemsError
from policy.shown import check_line

NO_ROLE = "has no role"


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """A person whom a source lists; `origin` says where, such as `people.csv line 7`."""

    person: Person
    origin: str


class SourceError(ProblemsError):
    """A source cannot be read, or lists something impossible; `problems` has a line for each fault, with its place.

    `readable` are the people as far as they can be read. The directory may find more faults in them.
    """

    def __init__(self, problems: Iterable[str], readable: Iterable[ListedPerson] = ()) -> None:
        super().__init__(problems)
        self.readable = tuple(readable)


@dataclass(frozen=True, slots=True)
class Listing:
    """What a source lists; `left_out` counts people to whom none of its groups gives a role."""

    people: tuple[ListedPerson, ...]
    left_out: int = 0


def make_person(
    source: SourceTable,
    *,
    account: str,
    name: str,
    id_: str | None,
    desks: Iterable[str],
    roles: Iterable[Role],
) -> Person:
    """Return the person whom a source lists; raises SourceError with all mistakes.

    An account without `@` gets the source's domain. Accounts are written as a server prepares them. `desks` and
    `roles` are already those of the directory.
    """
    problems = []
    jid = BareJid("")
    try:
        jid = parse_account(source, account)
    except AddressError as error:
        problems.append(str(error))
    name, id_ = name.strip(), (id_ or "").strip() or None
    for what, text in (("name", name), ("id", id_ or "")):
        try:
            check_line(text)
        except ValueError as error:
            problems.append(f"the {what} {error}")
    if not name:
        problems.append("the name is empty")
    own_desks = sorted({desk for desk in desks if desk})
    if len(own_desks) > 1:
        problems.append(f"belongs to several desks ({', '.join(own_desks)}): a person has one")
    own_roles = frozenset(roles) or frozenset(source.default_roles)
    if not own_roles:
        problems.append(NO_ROLE)
    if problems:
        raise SourceError(problems)
    return Person(jid, name, DeskId(own_desks[0]) if own_desks else None, own_roles, id_)


def parse_account(source: SourceTable, account: str) -> BareJid:
    """Return the JID for an account as a source writes it; raises AddressError."""
    account = account.strip()
    if "@" not in account and account and source.domain:
        account = f"{account}@{source.domain}"
    return parse_bare_jid(fold_address(account))
