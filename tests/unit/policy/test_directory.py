import dataclasses

import pytest

from policy.address import bare
from policy.directory.directory import DirectoryError, MemberKind, parse_directory, parse_usable
from policy.directory.enterprise import Role
from tests.unit.policy.samples import EXAMPLE, EXAMPLE_TEXT

SMALL = """
gate = "gate.example"
[enterprise.metals]
name = "Metals"
sites = [{ domain = "metals.example", rooms = "rooms.metals.example", components = ["files.metals.example"] }]
[[enterprise.metals.desk]]
id = "base"
name = "Base"
[[enterprise.metals.person]]
jid = "alice@metals.example"
name = "Alice"
desk = "base"
roles = ["trader"]
[[enterprise.metals.room]]
jid = "desk@rooms.metals.example"
name = "Desk"
[enterprise.grain]
name = "Grain"
sites = [{ domain = "grain.example" }]
"""


def problems_of(text: str) -> tuple[str, ...]:
    with pytest.raises(DirectoryError) as raised:
        parse_directory(text)
    return raised.value.problems


def test_the_example_lists_two_enterprises_on_one_server() -> None:
    assert EXAMPLE.gate == "gate.steelyard.example"
    grain, metals = EXAMPLE.enterprises
    assert (grain.id, metals.id) == ("grain", "metals")
    assert [person.jid for person in grain.people] == ["george@grain.example", "hanna@grain.example"]
    assert [desk.id for desk in metals.desks] == ["base", "precious"]
    assert [room.jid for room in metals.rooms] == ["desk@rooms.metals.example"]


def test_people_are_found_by_bare_and_full_jid() -> None:
    carol = EXAMPLE.people.get(bare("carol@metals.example/laptop"))
    assert carol is not None
    assert (carol.name, str(carol.desk), carol.roles) == (
        "Carol Castle",
        "precious",
        frozenset({Role.TRADER}),
    )
    dora = EXAMPLE.people.get(bare("dora@metals.example"))
    assert dora is not None
    assert (dora.desk, dora.roles) == (None, frozenset({Role.AUDITOR}))
    for stranger in ("zed@metals.example", "metals.example", "desk@rooms.metals.example", ""):
        assert EXAMPLE.people.get(bare(stranger)) is None


@pytest.mark.parametrize(
    ("jid", "enterprise"),
    [
        ("metals.example", "metals"),
        ("rooms.metals.example", "metals"),
        ("files.metals.example", "metals"),
        ("alice@metals.example/desk", "metals"),
        ("nobody@metals.example", "metals"),
        ("anyroom@rooms.metals.example/nick", "metals"),
        ("grain.example", "grain"),
        ("example", None),
        ("sub.metals.example", None),
        ("gate.example", None),
        ("", None),
    ],
)
def test_whose_a_domain_is(jid: str, enterprise: str | None) -> None:
    assert parse_directory(SMALL).find_enterprise(jid) == enterprise


def test_every_listed_address_is_a_member() -> None:
    members = parse_directory(SMALL).members
    assert {jid: (member.enterprise, member.kind) for jid, member in members.items()} == {
        "metals.example": ("metals", MemberKind.SITE),
        "rooms.metals.example": ("metals", MemberKind.ROOMS),
        "files.metals.example": ("metals", MemberKind.COMPONENT),
        "alice@metals.example": ("metals", MemberKind.PERSON),
        "desk@rooms.metals.example": ("metals", MemberKind.ROOM),
        "grain.example": ("grain", MemberKind.SITE),
    }


def test_a_directory_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        EXAMPLE.gate = EXAMPLE.enterprises[0].sites[0].domain  # type: ignore[misc]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('gate = "gate.example"', "", "gate: is missing"),
        (
            '"gate.example"',
            '"gate@example"',
            "gate: 'gate@example' is an account or a resource: write the domain",
        ),
        ('"gate.example"', '"metals.example"', "'metals.example' is already at gate"),
        ('"gate.example"', '"alice@metals.example"', "'alice@metals.example' is already at gate"),
        ('"gate.example"', "5", "gate: input should be a valid string"),
        ('name = "Metals"', "", "enterprise.metals.name: is missing"),
        ('name = "Metals"', 'name = "  "', "enterprise.metals.name: must not be empty"),
        (
            'name = "Metals"',
            'name = "M"\ncolour = "red"',
            "enterprise.metals.colour: there is no such setting",
        ),
        ("[enterprise.grain]", '[enterprise."The Grain"]', "enterprise.The Grain: 'The Grain' is no id"),
        ('sites = [{ domain = "grain.example" }]', "sites = []", "enterprise.grain.sites: must not be empty"),
        (
            'domain = "grain.example"',
            'domain = "Grain.example"',
            "sites[0].domain: 'Grain.example' has capital",
        ),
        (
            'domain = "grain.example"',
            'domain = "metals.example"',
            "grain.sites[0].domain: 'metals.example' is already at enterprise.metals.sites[0].domain",
        ),
        (
            'domain = "grain.example"',
            'domain = "grain.example", rooms = "grain.example"',
            "enterprise.grain.sites[0].rooms: 'grain.example' is already at enterprise.grain.sites[0].domain",
        ),
        (
            'domain = "grain.example"',
            'domain = "grain.example", components = ["files.metals.example"]',
            "enterprise.grain.sites[0].components[0]: 'files.metals.example' is already at",
        ),
        (
            '"alice@metals.example"',
            '"alice@grain.example"',
            "metals.person[0].jid: 'grain.example' is no domain of this enterprise (metals.example)",
        ),
        (
            '"alice@metals.example"',
            '"alice@rooms.metals.example"',
            "person[0].jid: 'rooms.metals.example' is no",
        ),
        (
            '"alice@metals.example"',
            '"ALICE@metals.example"',
            "person[0].jid: 'ALICE@metals.example' has capital",
        ),
        (
            '"desk@rooms.metals.example"',
            '"desk@metals.example"',
            "room[0].jid: 'metals.example' is no room domain",
        ),
        (
            'desk = "base"',
            'desk = "night"',
            "enterprise.metals.person[0].desk: this enterprise has no desk 'night'",
        ),
        (
            'roles = ["trader"]',
            'roles = ["boss"]',
            "person[0].roles[0]: 'boss' is no role: choose of 'trader'",
        ),
        ('roles = ["trader"]', "roles = []", "person[0].roles: must not be empty"),
        ('roles = ["trader"]', 'roles = "trader"', "person[0].roles: input should be a valid list"),
        ('id = "base"', 'id = "Base Metals"', "desk[0].id: 'Base Metals' is no id"),
        (
            "[[enterprise.metals.desk]]",
            "[enterprise.metals.desk]",
            "enterprise.metals.desk: input should be a valid",
        ),
    ],
)
def test_each_mistake_is_told_with_its_path(old: str, new: str, problem: str) -> None:
    assert old in SMALL
    found = problems_of(SMALL.replace(old, new, 1))
    assert any(problem in line for line in found), found


def test_the_same_person_or_desk_twice() -> None:
    person = '[[enterprise.metals.person]]\njid = "alice@metals.example"\nname = "A"\nroles = ["auditor"]\n'
    (problem,) = problems_of(SMALL + person)
    assert problem == (
        "enterprise.metals.person[1].jid: 'alice@metals.example' is already at "
        "enterprise.metals.person[0].jid"
    )
    desk = '[[enterprise.metals.desk]]\nid = "base"\nname = "Other"\n'
    assert problems_of(SMALL + desk) == (
        "enterprise.metals.desk[1].id: 'base' is already another desk of this enterprise",
    )


def test_an_id_belongs_to_one_person_of_an_enterprise() -> None:
    person = '[[enterprise.{}.person]]\njid = "{}@{}.example"\nname = "A"\nid = "7"\nroles = ["auditor"]\n'
    ann, ben = person.format("metals", "ann", "metals"), person.format("metals", "ben", "metals")
    assert problems_of(SMALL + ann + ben) == (
        "enterprise.metals.person[2].id: '7' is already that of enterprise.metals.person[1]",
    )
    both = parse_directory(SMALL + ann + person.format("grain", "ben", "grain"))
    assert [person.id for firm in both.enterprises for person in firm.people] == ["7", None, "7"]
    assert "person[1].id: must not be empty" in problems_of(SMALL + ann.replace('"7"', '""'))[0]


def test_the_same_desk_id_at_two_enterprises_is_two_desks() -> None:
    directory = parse_directory(SMALL + '[[enterprise.grain.desk]]\nid = "base"\nname = "Grain base"\n')
    assert [desk.name for firm in directory.enterprises for desk in firm.desks] == ["Grain base", "Base"]


def test_all_problems_are_told_at_once() -> None:
    text = (
        SMALL.replace("gate.example", "Gate.example")
        .replace('name = "Alice"', 'nam = "Alice"')
        .replace('desk = "base"', 'desk = "night"')
        .replace('"desk@rooms', '"desk@elsewhere')
        .replace("grain.example", "metals.example")
    )
    assert sorted(problems_of(text)) == [
        "enterprise.grain.sites[0].domain: 'metals.example' is already at enterprise.metals.sites[0].domain",
        "enterprise.metals.person[0].desk: this enterprise has no desk 'night'",
        "enterprise.metals.person[0].nam: there is no such setting: remove it, or correct its name",
        "enterprise.metals.person[0].name: is missing",
        "enterprise.metals.room[0].jid: 'elsewhere.metals.example' is no room domain of this enterprise "
        "(rooms.metals.example)",
        "gate: 'Gate.example' has capital letters: write 'gate.example'",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "gate = ",
        "",
        "enterprise = 5",
        'gate = "gate.example"\nenterprise = []',
        'gate = "gate.example"\n[enterprise]',
        'gate = "gate.example"\n[enterprise.metals]\nname = "M"\nsites = 7\nperson = [1, 2]\nroom = "x"',
        'gate = "gate.example"\n[enterprise]\nmetals = "no table"',
        'gate = ["a"]\n[[enterprise]]\nname = "x"',
    ],
)
def test_nothing_but_a_directory_error_comes_of_a_wrong_file(text: str) -> None:
    assert all(": " in problem for problem in problems_of(text))


def test_the_error_reads_as_one_problem_a_line() -> None:
    with pytest.raises(DirectoryError) as raised:
        parse_directory(EXAMPLE_TEXT.replace('"trader"', '"tradr"'))
    assert str(raised.value).splitlines() == list(raised.value.problems)
    assert len(raised.value.problems) == 5


BAD = """
[[enterprise.metals.person]]
jid = "דוד1@metals.example"
name = "Dawid"
roles = ["trader"]
[[enterprise.metals.room]]
jid = "Pit@rooms.metals.example"
name = "The pit"
"""


def test_one_bad_address_does_not_stop_everybody_else() -> None:
    usable = parse_usable(EXAMPLE_TEXT + BAD)
    assert usable.directory == parse_directory(EXAMPLE_TEXT)
    people, rooms = (
        len(parse_directory(EXAMPLE_TEXT).enterprises[1].people),
        len(parse_directory(EXAMPLE_TEXT).enterprises[1].rooms),
    )
    assert [problem.partition(":")[0] for problem in usable.left_out] == [
        f"enterprise.metals.person[{people}].jid",
        f"enterprise.metals.room[{rooms}].jid",
    ]
    assert all(problem.endswith("; this entry is left out") for problem in usable.left_out)
    with pytest.raises(DirectoryError) as strictly:
        parse_directory(EXAMPLE_TEXT + BAD)
    assert len(strictly.value.problems) == len(usable.left_out)


@pytest.mark.parametrize(
    "more", ["x = 1", BAD.replace('"trader"', '"traitor"').replace("Pit", "pit") + BAD + "[x]", "["]
)
def test_whatever_else_is_wrong_is_not_left_out(more: str) -> None:
    with pytest.raises(DirectoryError) as strictly:
        parse_directory(EXAMPLE_TEXT + more)
    with pytest.raises(DirectoryError) as usably:
        parse_usable(EXAMPLE_TEXT + more)
    assert usably.value.problems == strictly.value.problems
