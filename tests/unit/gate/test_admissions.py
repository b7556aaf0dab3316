"""What a change of the rules does to people is told, each by name."""

from dataclasses import replace

from components.archive.record import Event, RecordKind, encode_event, parse_record
from components.gate.rules import describe_admissions
from policy.access.admission import restrict
from policy.address import BareJid
from policy.directory.directory import Directory
from policy.directory.enterprise import EnterpriseId, Person, Role
from policy.rules import Rules
from tests.unit.policy.samples import EXAMPLE

TRADER = frozenset({Role.TRADER})
ALICE, BOB = BareJid("alice@metals.example"), BareJid("bob@metals.example")


def told(before: Directory, after: Directory) -> list[tuple[str, str]]:
    events = list(describe_admissions(Rules(before), Rules(after), 7))
    for event in events:
        assert parse_record(RecordKind.ADMISSION, encode_event(event)) == event
        assert isinstance(event, Event)
        assert dict(event.details)["rules"] == Rules(after).name
    told = [(event.name, dict(event.details)) for event in events]
    return [(name, str(details.get("who") or details["people"])) for name, details in told]


def test_who_came_who_left_and_who_was_told() -> None:
    alice, bob = restrict(EXAMPLE, {ALICE: TRADER}), restrict(EXAMPLE, {BOB: TRADER})
    assert told(alice, bob) == [("admitted", BOB), ("left", ALICE)]
    assert told(alice, restrict(EXAMPLE, {ALICE: TRADER}, {ALICE})) == [("informed", ALICE)]
    assert told(alice, alice) == []
    both = restrict(EXAMPLE, {ALICE: TRADER, BOB: TRADER})
    assert told(restrict(EXAMPLE, {}), both) == [("admitted", f"{ALICE} {BOB}")]


def test_thousands_are_told_in_several_records() -> None:
    people = tuple(Person(BareJid(f"p{n:03}@metals.example"), "P", None, TRADER) for n in range(250))
    firms = [
        replace(firm, people=people if firm.id == EnterpriseId("metals") else ())
        for firm in EXAMPLE.enterprises
    ]
    many = replace(EXAMPLE, enterprises=tuple(firms))
    found = told(restrict(EXAMPLE, {}), many)
    assert [len(people.split()) for _, people in found] == [100, 100, 50]
