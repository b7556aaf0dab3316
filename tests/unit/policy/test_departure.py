"""People who leave or are renamed, where an enterprise's own rules name them."""

from policy.address import BareJid
from policy.departure import replace_people
from policy.enterprise import Barrier, BarrierId, Enterprise, EnterpriseId, Group, Person, Role

ANN, BEN, CID, DAN = (BareJid(f"{name}@metals.example") for name in ("ann", "ben", "cid", "dan"))


def person(jid: BareJid, id_: str | None = None) -> Person:
    return Person(jid, "N", None, frozenset({Role.TRADER}), id_)


def firm(*people: Person, sides: tuple[set[BareJid], set[BareJid]]) -> Enterprise:
    one, other = (frozenset(side) for side in sides)
    barrier = Barrier(
        BarrierId("b"), (Group(people=one, roles=frozenset({Role.TRADER})), Group(people=other))
    )
    return Enterprise(EnterpriseId("metals"), "M", (), (), people, (), (barrier,))


def sides_of(changed: Enterprise) -> list[set[str]]:
    return [{str(jid).partition("@")[0] for jid in side.people} for side in changed.barriers[0].sides]


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
