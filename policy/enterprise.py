"""An enterprise: its sites, desks, people and rooms."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from policy.address import BareJid, Domain

EnterpriseId = NewType("EnterpriseId", str)
DeskId = NewType("DeskId", str)


class Role(StrEnum):
    """What a person does at the enterprise."""

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
    """Somebody admitted to the line, by their account; `desk` is None for those who trade at none."""

    jid: BareJid
    name: str
    desk: DeskId | None
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class Room:
    """A room (XEP-0045) that the people of its enterprise may enter."""

    jid: BareJid
    name: str


@dataclass(frozen=True, slots=True)
class Enterprise:
    """A firm whose people may reach each other and nobody else; each tuple is sorted by its first field."""

    id: EnterpriseId
    name: str
    sites: tuple[Site, ...]
    desks: tuple[Desk, ...]
    people: tuple[Person, ...]
    rooms: tuple[Room, ...]
