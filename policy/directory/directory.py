"""The directory: everybody on the line, by enterprise; everybody else is a stranger."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from policy.address import BareJid, Domain, domain_of, parse_bare_jid, parse_domain
from policy.directory.border_tables import (
    AllowTable,
    BarrierTable,
    RoomTable,
    find_meeting_problems,
)
from policy.directory.enterprise import Desk, DeskId, Enterprise, EnterpriseId, Person, Role, Site
from policy.directory.leave_out import leave_out_bad_addresses
from policy.directory.references import find_reference_problems
from policy.problems import ProblemsError
from policy.reach.borders import Borders, assign_borders
from policy.reach.exception import BarrierException
from policy.shown import Name
from policy.toml_problem import TomlError, explain, locate, read_shape, read_toml


class MemberKind(StrEnum):
    """The kind of a listed address."""

    PERSON = "person"
    ROOM = "room"
    SITE = "site"
    ROOMS = "rooms"
    COMPONENT = "component"


@dataclass(frozen=True, slots=True)
class Member:
    """A listed address: its enterprise and its kind."""

    enterprise: EnterpriseId
    kind: MemberKind


@dataclass(frozen=True, slots=True)
class Directory:
    """Everybody on the line; every look-up is one access to a dict.

    `gate`, `roster`, `access` and `transfer` are the addresses of the line's own components, `services` all but the
    first.
    `uninformed` are those who have not acknowledged yet that the line is recorded (docs/admission.md).
    `members` holds every listed address by its bare JID: of people and rooms, and the domains of sites,
    rooms and components. `people` holds every person by their bare JID, `borders` who is kept from whom inside
    each enterprise. The three are derived: never change them. `exceptions` are those in force (docs/borders.md).
    """

    gate: Domain
    enterprises: tuple[Enterprise, ...]
    roster: Domain | None = None
    access: Domain | None = None
    transfer: Domain | None = None
    exceptions: tuple[BarrierException, ...] = ()
    uninformed: frozenset[BareJid] = frozenset()
    services: frozenset[Domain] = field(init=False, repr=False, compare=False)
    members: Mapping[BareJid, Member] = field(init=False, repr=False, compare=False)
    people: Mapping[BareJid, Person] = field(init=False, repr=False, compare=False)
    borders: Borders = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        members = {jid: member for firm in self.enterprises for jid, member in _members(firm)}
        people = {person.jid: person for firm in self.enterprises for person in firm.people}
        services = frozenset(domain for domain in (self.roster, self.access, self.transfer) if domain)
        object.__setattr__(self, "services", services)
        object.__setattr__(self, "members", members)
        object.__setattr__(self, "people", people)
        object.__setattr__(self, "borders", assign_borders(self.enterprises, self.exceptions))

    def find_enterprise(self, jid: str) -> EnterpriseId | None:
        """Return the enterprise of a prepared JID's domain, whether the account itself is listed or not."""
        member = self.members.get(BareJid(domain_of(jid)))
        return member.enterprise if member else None


def with_exceptions(directory: Directory, exceptions: Iterable[BarrierException]) -> Directory:
    """Return the directory with exactly these exceptions from its barriers in force."""
    return replace(directory, exceptions=tuple(sorted(exceptions, key=lambda each: each.id)))


class DirectoryError(ProblemsError):
    """A directory is wrong; `problems` has all its mistakes, each as `path: what to do`."""


def parse_directory(text: str) -> Directory:
    """Parse the text of a `directory.toml` (docs/policy.md, section 2).

    The order of the tables has no meaning. Raises DirectoryError with all problems at once, each with its
    path as in `enterprise.metals.person[0].jid`, counting from 0.
    """
    try:
        raw = read_toml(text)
    except TomlError as error:
        raise DirectoryError((f"directory.toml: {error}",)) from None
    return _build(raw)


def _build(raw: dict[str, Any]) -> Directory:
    shape, problems = read_shape(_DirectoryTable, raw, _describe)
    problems += find_reference_problems(raw)
    if problems or shape is None:
        raise DirectoryError(tuple(problems))
    firms = tuple(table.build(EnterpriseId(id_)) for id_, table in sorted(shape.enterprise.items()))
    if meetings := tuple(
        problem
        for firm in firms
        for problem in find_meeting_problems(f"enterprise.{firm.id}", firm, raw["enterprise"][firm.id])
    ):
        raise DirectoryError(meetings)
    return Directory(shape.gate, firms, shape.roster, shape.access, transfer=shape.transfer)


@dataclass(frozen=True, slots=True)
class UsableDirectory:
    """A directory, and `left_out`: entries whose address no server accepts, a line for each."""

    directory: Directory
    left_out: tuple[str, ...] = ()


def parse_usable(text: str) -> UsableDirectory:
    """Parse a directory that is in use, so that one bad address does not stop everybody else.

    It leaves out people and rooms whose address no server accepts: they reach nobody, as if they were not listed.
    Raises DirectoryError, as `parse_directory` does, when there is anything else wrong.
    """
    try:
        return UsableDirectory(parse_directory(text))
    except DirectoryError as error:
        rest, left_out = leave_out_bad_addresses(text)
        if not left_out:
            raise
        try:
            return UsableDirectory(_build(rest), left_out)
        except DirectoryError:
            raise error from None


def _members(firm: Enterprise) -> Iterator[tuple[BareJid, Member]]:
    for site in firm.sites:
        yield BareJid(site.domain), Member(firm.id, MemberKind.SITE)
        if site.rooms:
            yield BareJid(site.rooms), Member(firm.id, MemberKind.ROOMS)
        for component in site.components:
            yield BareJid(component), Member(firm.id, MemberKind.COMPONENT)
    for person in firm.people:
        yield person.jid, Member(firm.id, MemberKind.PERSON)
    for room in firm.rooms:
        yield room.jid, Member(firm.id, MemberKind.ROOM)


# --- the shape of directory.toml ---

_Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)]
_JidText = Annotated[BareJid, AfterValidator(parse_bare_jid)]
_DomainText = Annotated[Domain, AfterValidator(parse_domain)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _SiteTable(_Table):
    domain: _DomainText
    rooms: _DomainText | None = None
    components: list[_DomainText] = []

    def build(self) -> Site:
        return Site(self.domain, self.rooms, tuple(sorted(self.components)))


class _DeskTable(_Table):
    id: _Id
    name: Name


class _PersonTable(_Table):
    jid: _JidText
    name: Name
    desk: str | None = None
    roles: Annotated[list[Role], Field(min_length=1)]
    id: Name | None = None

    def build(self) -> Person:
        desk = DeskId(self.desk) if self.desk else None
        return Person(self.jid, self.name, desk, frozenset(self.roles), self.id)


class _EnterpriseTable(_Table):
    name: Name
    sites: Annotated[list[_SiteTable], Field(min_length=1)]
    desk: list[_DeskTable] = []
    person: list[_PersonTable] = []
    room: list[RoomTable] = []
    barrier: list[BarrierTable] = []
    allow: list[AllowTable] = []
    departed: list[_JidText] = []

    def build(self, id_: EnterpriseId) -> Enterprise:
        return Enterprise(
            id_,
            self.name,
            sites=tuple(sorted((site.build() for site in self.sites), key=lambda site: site.domain)),
            desks=tuple(sorted((Desk(DeskId(d.id), d.name) for d in self.desk), key=lambda desk: desk.id)),
            people=tuple(sorted((person.build() for person in self.person), key=lambda person: person.jid)),
            rooms=tuple(sorted((room.build() for room in self.room), key=lambda room: room.jid)),
            barriers=tuple(sorted((each.build() for each in self.barrier), key=lambda each: each.id)),
            allow_lists=tuple(sorted((each.build() for each in self.allow), key=lambda each: each.id)),
            departed=frozenset(self.departed),
        )


class _DirectoryTable(_Table):
    gate: _DomainText
    roster: _DomainText | None = None
    access: _DomainText | None = None
    transfer: _DomainText | None = None
    enterprise: Annotated[dict[_Id, _EnterpriseTable], Field(min_length=1)]


def _describe(detail: Any) -> str:
    """Return one of pydantic's errors as `path: what to do`."""
    own = {
        "string_pattern_mismatch": f"{detail['input']!r} is no id: use small letters, digits and -",
        "enum": f"{detail['input']!r} is no role: choose of {detail.get('ctx', {}).get('expected')}",
    }
    return f"{locate(detail['loc']) or 'directory.toml'}: {explain(detail, own)}"
