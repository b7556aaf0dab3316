"""People who leave an enterprise, or whose account is renamed: also where its own rules name them."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from policy.address import BareJid
from policy.enterprise import Enterprise, Person


def replace_people(firm: Enterprise, people: Sequence[Person]) -> Enterprise:
    """Give an enterprise other people.

    Where its barriers, lists and rooms name somebody who has gone, the name goes too; a renamed account, known by its
    `id`, gets its new name there. Where nobody at all would be named any more the names stay, for that could be read
    as nobody or as everybody: `parse_directory` says where it is.
    """
    now = {person.jid for person in people}
    account_of = {person.id: person.jid for person in people if person.id}
    renamed = {
        person.jid: account_of.get(person.id) if person.id else None
        for person in firm.people
        if person.jid not in now
    }
    changed: Enterprise = _rename(replace(firm, people=()), renamed) if renamed else firm
    return replace(changed, people=tuple(sorted(people, key=lambda person: person.jid)))


def _rename(value: Any, renamed: Mapping[BareJid, BareJid | None]) -> Any:
    """Rename the people in every set of them, at any depth; those renamed to None are taken out."""
    if isinstance(value, tuple):
        return type(value)(_rename(each, renamed) for each in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    entry: Any = value
    before = {field.name: getattr(entry, field.name) for field in fields(entry) if field.init}
    sets = {name: content for name, content in before.items() if isinstance(content, frozenset)}
    new_sets = {name: _rename_set(people, renamed) for name, people in sets.items()}
    if any(sets.values()) and not any(new_sets.values()):
        new_sets = sets
    rest = {name: _rename(content, renamed) for name, content in before.items() if name not in sets}
    changes = {name: after for name, after in (rest | new_sets).items() if after != before[name]}
    return replace(entry, **changes) if changes else entry


def _rename_set(people: frozenset[Any], renamed: Mapping[BareJid, BareJid | None]) -> frozenset[Any]:
    return frozenset(name for each in people if (name := renamed.get(each, each)) is not None)
