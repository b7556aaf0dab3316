"""An enterprise: its sites, desks, people and rooms, and the borders inside it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from policy.address import BareJid, Domain

EnterpriseId = NewType("EnterpriseId", str)
DeskId = NewType("DeskId", str)
BarrierId = NewType("BarrierId", str)


class Role(StrEnum):
    """The role of a person at the enterprise."""

    TRADER = "trader"
    AUDITOR = "auditor"
    APPROVER = "approver"
    OPERATOR = "operator"
    CHAPERONE = "chaperone"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Site:
    """A server of an enterprise: the domain of its accounts, of its rooms (if any), and of its components."""

    domain: Domain
    rooms: Domain | None = None
    components: tuple[Domain, ...] = ()


@dataclass(frozen=True, slots=True)
class Desk:
    """A group of people who trade together."""

    id: DeskId
    name: str


@dataclass(frozen=True, slots=True)
class Person:
    """A person on the line, by their account; `desk` is None if they trade at none.

    `id`, such as an employee number, stays when the account is renamed; no two of an enterprise share one.
    `unapproved` are roles that the directory lists and nobody has approved (docs/admission.md). They give no rights,
    but restrictions on people with these roles already apply.
    """

    jid: BareJid
    name: str
    desk: DeskId | None
    roles: frozenset[Role]
    id: str | None = None
    unapproved: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True)
class Group:
    """A group of an enterprise's people: those at these desks, these people, and those with these roles."""

    desks: frozenset[DeskId] = frozenset()
    people: frozenset[BareJid] = frozenset()
    roles: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True)
class Barrier:
    """Keeps the people on the two sides apart; the order of the sides has no meaning.

    `chaperoned` lets them talk in a chaperoned room all the same, while a chaperone is present there.
    """

    id: BarrierId
    sides: tuple[Group, Group]
    chaperoned: bool = False


@dataclass(frozen=True, slots=True)
class AllowList:
    """Keeps everybody of `who` from all but `reaches`, and them from `who`."""

    id: BarrierId
    who: Group
    reaches: Group


@dataclass(frozen=True, slots=True)
class Room:
    """A room (XEP-0045) that these people of its enterprise may enter; `entry` is None where no list says who."""

    jid: BareJid
    name: str
    entry: Group | None = None
    chaperoned: bool = False


@dataclass(frozen=True, slots=True)
class Enterprise:
    """A firm whose people may reach each other and nobody else; each tuple is sorted by its first field.

    `departed` are people who have gone and whom its rules still name, in case they come back.
    """

    id: EnterpriseId
    name: str
    sites: tuple[Site, ...]
    desks: tuple[Desk, ...]
    people: tuple[Person, ...]
    rooms: tuple[Room, ...]
    barriers: tuple[Barrier, ...] = ()
    allow_lists: tuple[AllowList, ...] = ()
    departed: frozenset[BareJid] = frozenset()
