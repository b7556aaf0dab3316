"""People who leave or are renamed, where an enterprise's own rules name them."""

from dataclasses import dataclass

from policy.address import BareJid
from policy.departure import replace_people
from policy.enterprise import Enterprise, EnterpriseId, Person, Role

ANN, BEN, CID, DAN = (BareJid(f"{name}@metals.example") for name in ("ann", "ben", "cid", "dan"))


@dataclass(frozen=True, slots=True)
class Side:
    """Some people, as rules name them."""

    people: frozenset[BareJid] = frozenset()
    roles: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True)
class Wall:
    """A rule with people on two sides."""

    id: str
    sides: tuple[Side, Side]


@dataclass(frozen=True, slots=True)
class Walled(Enterprise):
    """An enterprise with rules that name people."""

    walls: tuple[Wall, ...] = ()


def person(jid: BareJid, id_: str | None = None) -> Person:
    return Person(jid, "N", None, frozenset({Role.TRADER}), id_)


def firm(*people: Person, sides: tuple[set[BareJid], set[BareJid]]) -> Walled:
    wall = Wall("w", (Side(frozenset(sides[0]), frozenset({Role.TRADER})), Side(frozenset(sides[1]))))
    return Walled(EnterpriseId("metals"), "M", (), (), people, (), walls=(wall,))


def sides_of(changed: Enterprise) -> list[set[str]]:
    assert isinstance(changed, Walled)
    return [{str(jid).partition("@")[0] for jid in side.people} for side in changed.walls[0].sides]


def test_who_has_gone_is_named_no_more() -> None:
    before = firm(person(ANN), person(BEN), person(CID), sides=({ANN, BEN}, {CID}))
    after = replace_people(before, [person(CID), person(BEN)])
    assert sides_of(after) == [{"ben"}, {"cid"}]
    assert [each.jid for each in after.people] == [BEN, CID]


def test_who_is_renamed_is_named_anew() -> None:
    before = firm(person(ANN, "1"), person(BEN, "2"), person(CID), sides=({ANN, CID}, {BEN}))
    after = replace_people(before, [person(DAN, "1"), person(BEN, "2"), person(CID)])
    assert sides_of(after) == [{"dan", "cid"}, {"ben"}]


def test_a_side_that_would_name_nobody_is_left_for_people_to_decide() -> None:
    before = firm(person(ANN), person(BEN), sides=({ANN}, {BEN}))
    assert sides_of(replace_people(before, [person(ANN)])) == [{"ann"}, {"ben"}]
    assert sides_of(replace_people(before, [person(BEN)])) == [set(), {"ben"}], "it names a role, too"


def test_nothing_changes_where_nobody_goes() -> None:
    before = firm(person(ANN), person(BEN), sides=({ANN}, {BEN}))
    assert replace_people(before, [person(BEN), person(ANN)]) == before
    assert sides_of(replace_people(before, [person(ANN), person(BEN), person(DAN)])) == [{"ann"}, {"ben"}]
