"""What is said of the difference between two directories."""

from dataclasses import dataclass, replace

import pytest

from policy.address import BareJid
from policy.directory.change import (
    SET_TOLD,
    ChangeKind,
    DirectoryChange,
    FieldChange,
    describe_changes,
    find_departed,
)
from policy.directory.directory import Directory, parse_directory
from policy.directory.enterprise import Enterprise, EnterpriseId
from tests.unit.policy.samples import EXAMPLE, EXAMPLE_TEXT

METALS = EnterpriseId("metals")


@dataclass(frozen=True, slots=True)
class Listed(Enterprise):
    """An enterprise with a list of people."""

    listed: frozenset[BareJid] = frozenset()


def changed(*replacements: tuple[str, str]) -> Directory:
    text = EXAMPLE_TEXT
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    return parse_directory(text)


def lines(old: Directory, new: Directory) -> list[str]:
    return [f"{change.enterprise} {change}" for change in describe_changes(old, new)]


def test_equal_directories_do_not_differ() -> None:
    assert describe_changes(EXAMPLE, parse_directory(EXAMPLE_TEXT)) == ()


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            'name = "Alice Arden"',
            'name = "Alice Ash"',
            "metals ~ person alice@metals.example: name Alice Arden -> Alice Ash",
        ),
        (
            'desk = "base"\n',
            'desk = "precious"\n',
            "metals ~ person alice@metals.example: desk base -> precious",
        ),
        ('desk = "base"\n', "", "metals ~ person alice@metals.example: desk base -> -"),
        (
            '["trader", "approver"]',
            '["trader"]',
            "grain ~ person hanna@grain.example: roles approver trader -> trader",
        ),
        ('name = "Base metals"', 'name = "Base"', "metals ~ desk base: name Base metals -> Base"),
        (
            'name = "Metals Trading AG"',
            'name = "Metals"',
            "metals ~ enterprise metals: name Metals Trading AG -> Metals",
        ),
        (
            'rooms = "rooms.metals.example" }',
            'rooms = "rooms.metals.example", components = ["a.example", "b.example"] }',
            "metals ~ site metals.example: components - -> a.example b.example",
        ),
        (
            'gate = "gate.steelyard.example"',
            'gate = "gate.example"',
            " ~ directory line: gate gate.steelyard.example -> gate.example",
        ),
    ],
)
def test_a_changed_entry_says_what_it_was_and_is(old: str, new: str, line: str) -> None:
    assert lines(EXAMPLE, changed((old, new))) == [line]


def test_new_and_departed_entries_say_all_of_themselves() -> None:
    person = '[[enterprise.metals.person]]\njid = "ann@metals.example"\nname = "Ann"\nid = "7"\nroles = ["chaperone"]\n'
    new = parse_directory(EXAMPLE_TEXT + person)
    assert lines(EXAMPLE, new) == ["metals + person ann@metals.example: name Ann, roles chaperone, id 7"]
    assert lines(new, EXAMPLE) == ["metals - person ann@metals.example: name Ann, roles chaperone, id 7"]
    assert describe_changes(EXAMPLE, new)[0] == DirectoryChange(
        ChangeKind.NEW,
        METALS,
        "person",
        "ann@metals.example",
        (FieldChange("name", "", "Ann"), FieldChange("roles", "", "chaperone"), FieldChange("id", "", "7")),
    )


def test_an_enterprise_comes_and_goes_with_all_that_is_its_own() -> None:
    without = replace(EXAMPLE, enterprises=EXAMPLE.enterprises[1:])
    assert lines(without, EXAMPLE) == [
        "grain + enterprise grain: name Grain Brothers Ltd",
        "grain + site grain.example: rooms rooms.grain.example",
        "grain + desk floor: name Trading floor",
        "grain + person george@grain.example: name George Garner, desk floor, roles trader",
        "grain + person hanna@grain.example: name Hanna Hale, desk floor, roles approver trader",
        "grain + room floor@rooms.grain.example: name Trading floor",
    ]
    assert len(find_departed(describe_changes(EXAMPLE, without), EnterpriseId("grain"))) == 2


def test_a_renamed_account_is_one_person() -> None:
    old = changed(('name = "Bob Baker"', 'name = "Bob Baker"\nid = "4711"'))
    new = changed(('"bob@', '"bob.baker@'), ('name = "Bob Baker"', 'name = "Bob Baker"\nid = "4711"'))
    assert lines(old, new) == [
        "metals ~ person bob.baker@metals.example: jid bob@metals.example -> bob.baker@metals.example"
    ]
    assert find_departed(describe_changes(old, new), METALS) == ()


def test_an_id_that_goes_over_to_somebody_else_renames_nobody() -> None:
    old = changed(('name = "Bob Baker"', 'name = "Bob Baker"\nid = "4711"'))
    new = changed(('name = "Alice Arden"', 'name = "Alice Arden"\nid = "4711"'))
    assert lines(old, new) == [
        "metals ~ person alice@metals.example: id - -> 4711",
        "metals ~ person bob@metals.example: id 4711 -> -",
    ]


def test_accounts_without_ids_are_two_people() -> None:
    changes = describe_changes(EXAMPLE, changed(('"bob@', '"bob.baker@')))
    assert [(change.kind, change.name) for change in changes] == [
        (ChangeKind.NEW, "bob.baker@metals.example"),
        (ChangeKind.DEPARTED, "bob@metals.example"),
    ]
    assert [change.name for change in find_departed(changes, METALS)] == ["bob@metals.example"]


def test_of_a_long_list_only_what_came_and_went_is_told() -> None:
    accounts = [BareJid(f"p{number:02}@metals.example") for number in range(SET_TOLD + 2)]
    old, new = (
        Listed(METALS, "M", (), (), (), (), listed=frozenset(part)) for part in (accounts[1:], accounts[:-1])
    )
    [change] = describe_changes(replace(EXAMPLE, enterprises=(old,)), replace(EXAMPLE, enterprises=(new,)))
    assert str(change) == "~ enterprise metals: listed p21@metals.example -> p00@metals.example"


def test_the_order_of_a_file_is_no_change() -> None:
    blocks = EXAMPLE_TEXT.split("\n\n")
    head, rest = blocks[:3], blocks[3:]
    assert describe_changes(EXAMPLE, parse_directory("\n\n".join([*head, *reversed(rest)]))) == ()
