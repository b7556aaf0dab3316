"""The differences of two directories: who and what is new, departed or changed, by enterprise."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import StrEnum
from typing import Any

from policy.directory.directory import Directory
from policy.directory.enterprise import Enterprise, EnterpriseId


class ChangeKind(StrEnum):
    """The kind of change of an entry."""

    NEW = "new"
    DEPARTED = "departed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A changed field of an entry: its old and new value as texts, empty if there is none."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class DirectoryChange:
    """A change of one entry of a directory.

    `enterprise` is empty for entries that the whole line shares. `what` is the kind of entry (`person`, `desk`,
    `room`, `site`, `enterprise`, `directory`), `name` its address or id: the new one, where that itself changed.
    `details` are all its fields when it is new (`old` empty) or departed (`new` empty), else those that differ.
    """

    kind: ChangeKind
    enterprise: EnterpriseId
    what: str
    name: str
    details: tuple[FieldChange, ...] = ()

    def __str__(self) -> str:
        mark = {ChangeKind.NEW: "+", ChangeKind.DEPARTED: "-", ChangeKind.CHANGED: "~"}[self.kind]
        if self.kind is ChangeKind.CHANGED:
            said = ", ".join(f"{each.name} {each.old or '-'} -> {each.new or '-'}" for each in self.details)
        else:
            said = ", ".join(f"{each.name} {each.new or each.old}" for each in self.details)
        return f"{mark} {self.what} {self.name}: {said}" if said else f"{mark} {self.what} {self.name}"


_SHARED = EnterpriseId("")
SET_TOLD = 20
"""For a set with more members than this, only new and removed members are named."""

_FIELDS = tuple(field.name for field in fields(Enterprise) if field.name != "id")
# What a field of an enterprise that holds entries calls one of them; of others, the name without its last letter.
_ENTRIES = {"people": "person"}
_KEYS = {"people": "jid"}  # there may be many


def describe_changes(old: Directory, new: Directory) -> tuple[DirectoryChange, ...]:
    """Return the differences, each entry once: shared ones first, then by enterprise, kind and name.

    A person with the same `id` under another JID is changed, not departed and new. None if the directories are equal.
    """
    before = {firm.id: firm for firm in old.enterprises}
    after = {firm.id: firm for firm in new.enterprises}
    # Who has acknowledged the recording is told apart (components/gate/rules.py), and may be most of the people.
    shared = [{"line": replace(each, enterprises=(), uninformed=frozenset())} for each in (old, new)]
    changes = list(_compare(_SHARED, "directory", *shared))
    for id_ in sorted(before.keys() | after.keys()):
        changes += _enterprise_changes(id_, before.get(id_), after.get(id_))
    return tuple(changes)


def find_departed(
    changes: Iterable[DirectoryChange], enterprise: EnterpriseId
) -> tuple[DirectoryChange, ...]:
    """Return the changes by which people leave an enterprise; a renamed account is not one."""
    return tuple(
        change
        for change in changes
        if change.enterprise == enterprise and change.what == "person" and change.kind is ChangeKind.DEPARTED
    )


def _enterprise_changes(
    id_: EnterpriseId, before: Enterprise | None, after: Enterprise | None
) -> Iterator[DirectoryChange]:
    names = [name for name in _FIELDS if _holds_entries(before, name) or _holds_entries(after, name)]
    itself: list[dict[str, Any]] = [{id_: _without(firm, names)} if firm else {} for firm in (before, after)]
    yield from _compare(id_, "enterprise", *itself)
    for name in names:
        rows_before, rows_after = _rows(before, name), _rows(after, name)
        if name == "people":
            rows_before = _renamed(rows_before, rows_after)
        what = _ENTRIES.get(name, name[:-1].replace("_", " "))
        yield from _compare(id_, what, rows_before, rows_after)


def _compare(
    enterprise: EnterpriseId, what: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[DirectoryChange]:
    for name in sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)):
        old, new = _texts(before.get(name), after.get(name)), _texts(after.get(name), before.get(name))
        details = tuple(
            FieldChange(field, old.get(field, ""), new.get(field, ""))
            for field in dict.fromkeys((*old, *new))
            if old.get(field, "") != new.get(field, "")
        )
        if name not in before or name not in after:
            kind = ChangeKind.NEW if name in after else ChangeKind.DEPARTED
            yield DirectoryChange(kind, enterprise, what, name, _without_key(name, details))
        elif details:
            yield DirectoryChange(ChangeKind.CHANGED, enterprise, what, name, details)


def _without_key(name: str, details: tuple[FieldChange, ...]) -> tuple[FieldChange, ...]:
    """Return the fields without the first one where the entry is called by it anyway."""
    first = details[:1]
    return details[1:] if first and (first[0].new or first[0].old) == name else details


def _renamed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rows with those of before who have another account now under its JID, found by their id."""
    jid_by_id = {person.id: jid for jid, person in after.items() if person.id and jid not in before}
    return {jid if jid in after else jid_by_id.get(person.id, jid): person for jid, person in before.items()}


def _rows(firm: Enterprise | None, name: str) -> dict[str, Any]:
    """Return the entries of one field by their key: their first field, with a number where several have the same."""
    rows: dict[str, Any] = {}
    entries = getattr(firm, name) if firm else ()
    for entry in entries:
        key = first = _text(getattr(entry, _KEYS.get(name) or fields(entry)[0].name))
        number = 1
        while key in rows:
            number += 1
            key = f"{first} ({number})"
        rows[key] = entry
    return rows


def _holds_entries(firm: Enterprise | None, name: str) -> bool:
    content = getattr(firm, name) if firm else ()
    return isinstance(content, tuple) and any(is_dataclass(each) for each in content)


def _without(firm: Enterprise, names: Iterable[str]) -> Enterprise:
    """Return the enterprise without the entries, which are compared one by one."""
    nothing: dict[str, Any] = dict.fromkeys(names, ())
    return replace(firm, **nothing)


def _texts(value: Any, other: Any = None) -> dict[str, str]:
    """Return an entry's fields as texts, without empty ones and, of a long set, without what `other` has, too."""
    if value is None:
        return {}
    texts = {}
    for field in fields(value):
        if field.init:
            content = getattr(value, field.name)
            if isinstance(content, frozenset) and len(content) > SET_TOLD and other is not None:
                content -= getattr(other, field.name)
            texts[field.name] = _text(content)
    return {name: text for name, text in texts.items() if text}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    if value is None or value is False:
        return ""
    if isinstance(value, (set, frozenset)):
        return " ".join(sorted(_text(each) for each in value))
    if isinstance(value, (tuple, list)):
        return " ".join(_text(each) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return "(" + ", ".join(f"{name} {text}" for name, text in _texts(value).items()) + ")"
    return str(value)
