"""People who leave, come back or are renamed, where an enterprise's own rules name them."""

from dataclasses import replace

import pytest

from policy.address import BareJid, bare
from policy.directory.change import describe_changes
from policy.directory.departure import replace_people
from policy.directory.directory import DirectoryError, parse_directory
from policy.directory.enterprise import Barrier, BarrierId, Enterprise, EnterpriseId, Group, Person, Role
from policy.directory.text import encode_directory
from tests.unit.policy.walls import WALLED

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


def test_who_has_gone_is_still_named_in_case_they_come_back() -> None:
    before = firm(person(ANN), person(BEN), person(CID), sides=({ANN}, {CID}))
    after = replace_people(before, [person(CID)])
    assert sides_of(after) == [{"ann"}, {"cid"}]
    assert ([each.jid for each in after.people], after.departed) == ([CID], frozenset({ANN})), (
        "no rule names Ben"
    )
    again = replace_people(after, [person(CID), person(ANN), person(DAN)])
    assert (sides_of(again), again.departed) == ([{"ann"}, {"cid"}], frozenset())
    assert replace_people(after, [person(DAN)]).departed == {ANN, CID}


def test_who_is_renamed_is_named_anew() -> None:
    before = firm(person(ANN, "1"), person(BEN, "2"), person(CID), sides=({ANN, CID}, {BEN}))
    after = replace_people(before, [person(DAN, "1"), person(BEN, "2"), person(CID)])
    assert sides_of(after) == [{"dan", "cid"}, {"ben"}]
    assert after.departed == set()


def test_nothing_changes_where_nobody_goes() -> None:
    before = firm(person(ANN), person(BEN), sides=({ANN}, {BEN}))
    assert replace_people(before, [person(BEN), person(ANN)]) == before
    assert sides_of(replace_people(before, [person(ANN), person(BEN), person(DAN)])) == [{"ann"}, {"ben"}]


def test_the_departed_are_nobody_on_the_line_and_their_names_are_kept() -> None:
    metals = WALLED.enterprises[1]
    staff = [each for each in metals.people if each.jid != "tina@metals.example"]
    without = replace(WALLED, enterprises=(WALLED.enterprises[0], replace_people(metals, staff)))
    text = encode_directory(without)
    assert 'departed = ["tina@metals.example"]' in text
    assert parse_directory(text) == without
    assert without.people.get(bare("tina@metals.example")) is None
    assert [str(change) for change in describe_changes(WALLED, without)] == [
        "~ enterprise metals: departed - -> tina@metals.example",
        "- person tina@metals.example: name Tina, desk trading, roles trader",
    ]
    back = replace(
        without, enterprises=(without.enterprises[0], replace_people(without.enterprises[1], metals.people))
    )
    assert back == WALLED
    with pytest.raises(
        DirectoryError, match=r"departed\[0\]: 'tina@metals.example' is a person of this enterprise"
    ):
        parse_directory(
            encode_directory(WALLED).replace(
                'name = "Metals"', 'name = "M"\ndeparted = ["tina@metals.example"]'
            )
        )
    with pytest.raises(DirectoryError, match=r"has no person 'tina@metals.example'"):
        parse_directory(text.replace('departed = ["tina@metals.example"]\n', ""))
