"""Handles people who leave an enterprise, come back, or are renamed, also where its rules name them."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from policy.address import BareJid
from policy.directory.enterprise import Enterprise, Group, Person


def replace_people(firm: Enterprise, people: Sequence[Person]) -> Enterprise:
    """Return the enterprise with other people.

    Its barriers, lists and rooms still name people who have gone, who are then among the `departed`. So a person who
    comes back is behind the same barriers. A renamed account, known by its `id`, gets its new name there.
    """
    now = {person.jid for person in people}
    account_of = {person.id: person.jid for person in people if person.id}
    gone = [person for person in firm.people if person.jid not in now]
    renamed = {person.jid: account_of[person.id] for person in gone if person.id in account_of}
    changed: Enterprise = _rename(replace(firm, people=()), renamed) if renamed else firm
    departed = (firm.departed | {person.jid for person in gone}) - now
    return replace(
        changed,
        people=tuple(sorted(people, key=lambda person: person.jid)),
        departed=departed & _named(changed),
    )


def _named(firm: Enterprise) -> frozenset[BareJid]:
    """Return the people whom the rules of an enterprise name."""
    groups = [side for barrier in firm.barriers for side in barrier.sides]
    groups += [group for allow in firm.allow_lists for group in (allow.who, allow.reaches)]
    groups += [room.entry for room in firm.rooms if room.entry]
    return frozenset(jid for group in groups for jid in group.people)


def _rename(value: Any, renamed: Mapping[BareJid, BareJid]) -> Any:
    """Return the value with the people of every group renamed, at any depth."""
    if isinstance(value, tuple):
        return type(value)(_rename(each, renamed) for each in value)
    if isinstance(value, Group):
        return replace(value, people=frozenset(renamed.get(jid, jid) for jid in value.people))
    if not is_dataclass(value) or isinstance(value, type):
        return value
    entry: Any = value
    inner = {field.name: getattr(entry, field.name) for field in fields(entry) if field.init}
    return replace(entry, **{name: _rename(content, renamed) for name, content in inner.items()})
