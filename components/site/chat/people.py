"""Whom a newcomer can be on the chat page: the demonstration's people, with their passwords."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from policy.directory.directory import Directory
from policy.directory.enterprise import Enterprise


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody of the demonstration: the bare JID, what people call them, and what they do where."""

    jid: str
    name: str
    work: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Firm:
    """An enterprise and those of its people who have an account, traders first."""

    name: str
    accounts: tuple[Account, ...]


def list_firms(directory: Directory, passwords: Mapping[str, str]) -> tuple[Firm, ...]:
    """Return the enterprises with people who have a password here, those of most people first."""
    firms = (Firm(firm.name, tuple(_list_accounts(firm, passwords))) for firm in directory.enterprises)
    return tuple(sorted((firm for firm in firms if firm.accounts), key=lambda firm: -len(firm.accounts)))


def _list_accounts(firm: Enterprise, passwords: Mapping[str, str]) -> Iterator[Account]:
    desks = {desk.id: desk.name for desk in firm.desks}
    there = [person for person in firm.people if person.jid in passwords]
    for person in sorted(there, key=lambda each: (each.desk is None, each.jid)):
        work = [*sorted(person.roles), *([desks[person.desk]] if person.desk else [])]
        yield Account(person.jid, person.name, ", ".join(work), passwords[person.jid])
