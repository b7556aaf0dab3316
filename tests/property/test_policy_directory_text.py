"""The text of every directory reads back as that directory, and what differs between any two is said."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.address import BareJid, Domain
from policy.directory.change import describe_changes
from policy.directory.directory import Directory, parse_directory
from policy.directory.enterprise import Desk, DeskId, Enterprise, EnterpriseId, Person, Role, Room, Site
from policy.directory.text import encode_directory
from policy.shown import DECEPTIVE
from tests.unit.policy.samples import EXAMPLE
from tests.unit.policy.walls import WALLED

# Whatever Unicode has, but for what a stanza cannot carry in a line; no blanks at the ends.
NAMES = (
    st.text(
        st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters=sorted(DECEPTIVE)),
        min_size=1,
        max_size=20,
    )
    .map(str.strip)
    .filter(bool)
)
ACCOUNTS = st.text("abcdefü9._-", min_size=1, max_size=6).filter(lambda text: text[0] not in "-")


@st.composite
def enterprises(draw: st.DrawFn, id_: str) -> Enterprise:
    site = Site(
        Domain(f"{id_}.example"),
        draw(st.sampled_from([None, Domain(f"rooms.{id_}.example")])),
        draw(st.sampled_from([(), (Domain(f"a.{id_}.example"), Domain(f"b.{id_}.example"))])),
    )
    desks = draw(st.lists(st.sampled_from(["base", "fx", "oil-2"]), unique=True))
    accounts = draw(st.lists(ACCOUNTS, unique=True, max_size=4))
    people = [
        Person(
            BareJid(f"{account}@{id_}.example"),
            draw(NAMES),
            DeskId(draw(st.sampled_from(desks))) if bool(desks) and draw(st.booleans()) else None,
            frozenset(draw(st.lists(st.sampled_from(Role), min_size=1))),
            draw(st.sampled_from([None, f"{number} \"'\\"])),
        )
        for number, account in enumerate(accounts)
    ]
    rooms = draw(st.lists(ACCOUNTS, unique=True, max_size=2)) if site.rooms else []
    return Enterprise(
        EnterpriseId(id_),
        draw(NAMES),
        sites=(site,),
        desks=tuple(Desk(DeskId(desk), draw(NAMES)) for desk in sorted(desks)),
        people=tuple(sorted(people, key=lambda person: person.jid)),
        rooms=tuple(
            sorted(
                (Room(BareJid(f"{room}@rooms.{id_}.example"), draw(NAMES)) for room in rooms),
                key=lambda room: room.jid,
            )
        ),
    )


directories = st.builds(
    lambda firms: Directory(Domain("gate.example"), tuple(firms)),
    st.tuples(enterprises("grain"), enterprises("metals")),
)


@given(directories)
def test_the_text_reads_back_as_the_same_directory(directory: Directory) -> None:
    text = encode_directory(directory)
    assert parse_directory(text) == directory
    assert encode_directory(parse_directory(text)) == text


@pytest.mark.slow
@given(directories, directories)
def test_what_differs_is_said_and_nothing_else(old: Directory, new: Directory) -> None:
    assert bool(describe_changes(old, new)) == (old != new)
    names = {(change.enterprise, change.what, change.name) for change in describe_changes(old, new)}
    assert len(names) == len(describe_changes(old, new)), "an entry is named twice"


def test_borders_of_every_kind_are_carried() -> None:
    assert parse_directory(encode_directory(WALLED)) == WALLED


def test_the_text_is_one_that_people_can_read() -> None:
    text = encode_directory(EXAMPLE)
    assert parse_directory(text) == EXAMPLE
    assert text.startswith('gate = "gate.steelyard.example"\n')
    assert '\n\n[enterprise.grain]\nname = "Grain Brothers Ltd"\nsites = [{ domain = "grain.example"' in text
    assert (
        '\n\n[[enterprise.grain.person]]\njid = "hanna@grain.example"\nname = "Hanna Hale"\ndesk = "floor"\n'
        'roles = ["approver", "trader"]\n'
    ) in text


def test_a_field_that_the_text_cannot_hold_is_an_error() -> None:
    broken = replace(EXAMPLE, gate=b"gate.example")  # type: ignore[arg-type]
    try:
        encode_directory(broken)
    except TypeError as error:
        assert str(error) == "bytes has no place in directory.toml"
    else:
        raise AssertionError("it was written all the same")
