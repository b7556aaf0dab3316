"""The tables of directory.toml that draw borders inside an enterprise: barriers, allow lists, and rooms' entry."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from policy.address import BareJid, parse_bare_jid
from policy.directory.enterprise import AllowList, Barrier, BarrierId, DeskId, Enterprise, Group, Role, Room
from policy.directory.rows import rows_of
from policy.reach.borders import Roll, assign_standings, find_meetings
from policy.shown import Name

_Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)]
_JidText = Annotated[BareJid, AfterValidator(parse_bare_jid)]


class _GroupTable(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    # An empty list is refused: it could be read as nobody or as everybody.
    desks: Annotated[list[str], Field(min_length=1)] | None = None
    people: Annotated[list[_JidText], Field(min_length=1)] | None = None
    roles: Annotated[list[Role], Field(min_length=1)] | None = None

    def group(self) -> Group:
        """Return the people whom the table names."""
        desks = frozenset(DeskId(desk) for desk in self.desks or ())
        return Group(desks, frozenset(self.people or ()), frozenset(self.roles or ()))


class _SomeTable(_GroupTable):
    @model_validator(mode="after")
    def _name_somebody(self) -> "_SomeTable":
        if self.group() == Group():
            raise ValueError("names nobody: give desks, people or roles")
        return self


class BarrierTable(BaseModel):
    """`[[enterprise.ID.barrier]]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: _Id
    sides: Annotated[list[_SomeTable], Field(min_length=2, max_length=2)]
    chaperoned: bool = False

    def build(self) -> Barrier:
        """Return the barrier, with its sides in a fixed order."""
        one, other = sorted((side.group() for side in self.sides), key=_sort_key)
        return Barrier(BarrierId(self.id), (one, other), self.chaperoned)


class AllowTable(BaseModel):
    """`[[enterprise.ID.allow]]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: _Id
    who: _SomeTable
    reaches: _SomeTable

    def build(self) -> AllowList:
        """Return the allow list."""
        return AllowList(BarrierId(self.id), self.who.group(), self.reaches.group())


class RoomTable(_GroupTable):
    """`[[enterprise.ID.room]]`: desks, people and roles say who may enter."""

    jid: _JidText
    name: Name
    chaperoned: bool = False

    def build(self) -> Room:
        """Return the room; its entry is None where it has no list."""
        group = self.group()
        return Room(self.jid, self.name, None if group == Group() else group, self.chaperoned)


def _sort_key(group: Group) -> tuple[list[str], list[str], list[str]]:
    return sorted(group.desks), sorted(group.people), sorted(group.roles)


# --- what they say of other tables, told of the raw ones, as in policy/directory/references.py ---


def find_border_problems(path: str, firm: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the references of an enterprise's raw table: ids, desks and people."""
    departed = firm.get("departed")
    gone = [jid for jid in departed if isinstance(jid, str)] if isinstance(departed, list) else []
    known = {
        "desks": ("desk", frozenset(_texts(firm, "desk", "id"))),
        "people": ("person", frozenset((*_texts(firm, "person", "jid"), *gone))),
    }
    for key in ("barrier", "allow"):
        seen: set[str] = set()
        for index, row in rows_of(firm, key):
            if isinstance(id_ := row.get("id"), str):
                if id_ in seen:
                    yield f"{path}.{key}[{index}].id: {id_!r} is already another of this enterprise"
                seen.add(id_)
    for place, group in _groups(firm):
        for key, (what, names) in known.items():
            listed = group.get(key)
            for index, name in enumerate(listed if isinstance(listed, list) else ()):
                if isinstance(name, str) and name not in names:
                    yield f"{path}.{place}{key}[{index}]: this enterprise has no {what} {name!r}"


def find_meeting_problems(path: str, firm: Enterprise, raw: Mapping[str, Any]) -> Iterator[str]:
    """Yield people whom a valid enterprise puts on both sides of a barrier, or lets meet in a room against one."""
    standings = assign_standings(firm)
    if not standings:
        return
    roll = Roll(firm)
    places = {row["id"]: index for index, row in rows_of(raw, "barrier")}
    for barrier in firm.barriers:
        if both := roll.find_all(barrier.sides[0]) & roll.find_all(barrier.sides[1]):
            yield (
                f"{path}.barrier[{places[barrier.id]}].sides: {min(both)!r} is on both sides; "
                "change their desk or roles, or the sides"
            )
    rooms = {row["jid"]: index for index, row in rows_of(raw, "room")}
    for room in firm.rooms:
        if room.entry is None:
            continue
        for one, other in find_meetings(firm, room, roll.find(room.entry), standings):
            advice = (
                "no chaperone opens what keeps them apart" if room.chaperoned else "or set chaperoned = true"
            )
            yield (
                f"{path}.room[{rooms[room.jid]}]: {one!r} and {other!r} may not reach each other, and could meet "
                f"here; let one of them enter, {advice}"
            )


def _groups(firm: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every table of an enterprise that names people, with its path there and a dot where it has one."""
    yield from ((f"room[{index}].", row) for index, row in rows_of(firm, "room"))
    for index, row in rows_of(firm, "barrier"):
        for side, sided in rows_of(row, "sides"):
            yield f"barrier[{index}].sides[{side}].", sided
    for index, row in rows_of(firm, "allow"):
        for key in ("who", "reaches"):
            group = row.get(key)
            if isinstance(group, dict):
                yield f"allow[{index}].{key}.", group


def _texts(firm: Mapping[str, Any], key: str, name: str) -> Iterator[str]:
    yield from (row[name] for _, row in rows_of(firm, key) if isinstance(row.get(name), str))
