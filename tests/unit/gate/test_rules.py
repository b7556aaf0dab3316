"""Rules that change under a gate: the new ones at once and recorded, or the old ones and an alarm."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from components.archive.alarm import Alarms
from components.archive.alarm_name import AlarmName
from components.archive.record import Event, RecordKind, parse_record
from components.gate.rules import CHANGES_TOLD, RulesInForce
from components.rules.follow import RulesFollower
from components.rules.load import RulesError, RuleSources
from components.rules.recorded_directory import write_listed
from policy.rules import Rules
from tests.support.process import wait_until
from tests.unit.gate.fakes import KeptRecords

DIRECTORY = """
gate = "gate.metals.example"
[enterprise.metals]
name = "Metals"
sites = [{ domain = "metals.example" }]
[[enterprise.metals.person]]
jid = "alice@metals.example"
name = "Alice"
roles = ["trader"]
"""
BOB = """
[[enterprise.metals.person]]
jid = "bob@metals.example"
name = "Bob"
roles = ["trader"]
"""
POLICY = """
[[rule]]
id = "tips"
kind = "lexicon"
action = "flag"
files.en = ["words.txt"]
must_match = ["a tip"]
"""


class Case:
    """Rules in files, and who decides by them."""

    def __init__(self, root: Path) -> None:
        self.directory, self.policy = root / "directory.toml", root / "policy.toml"
        self.words = root / "words.txt"
        self.directory.write_text(DIRECTORY)
        self.policy.write_text(POLICY)
        self.words.write_text("tip\n")
        self.records = KeptRecords()
        self.alarms = Alarms(self.records)
        self.follower = RulesFollower(RuleSources(self.directory, self.policy))
        self.in_force = RulesInForce(self.follower, self, self.records, self.alarms, mode="enforce")
        self.used: list[Rules] = []

    @property
    def rules(self) -> Rules:
        return self.follower.rules

    def use(self, rules: Rules) -> None:
        self.used.append(rules)

    def recorded(self) -> list[Event]:
        events = [parse_record(kind, data) for kind, data in self.records.kept if kind is RecordKind.RULES]
        return [event for event in events if isinstance(event, Event)]

    async def changes(self, count: int) -> None:
        assert await wait_until(lambda: len(self.used) >= count)
        # What changed is said a little later: the first record is of the start.
        assert await wait_until(lambda: len(self.recorded()) > count)


@pytest.fixture
async def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Case]:
    monkeypatch.setattr("components.rules.follow._INTERVAL_S", 0.01)
    case = Case(tmp_path)
    task = asyncio.create_task(case.in_force.run())
    yield case
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_what_is_in_force_at_the_start_is_recorded(case: Case) -> None:
    [event] = case.recorded()
    assert case.rules.content is not None
    assert event.name == "in-force"
    assert dict(event.details) == {
        "digest": case.rules.digest,
        "content": case.rules.content.digest,
        "people": 1,
        "exceptions": "",
        "mode": "enforce",
        "listed": write_listed(case.rules.directory),
    }


async def test_each_file_is_followed(case: Case) -> None:
    case.directory.write_text(DIRECTORY + BOB)
    await case.changes(1)
    assert len(case.used[-1].directory.people) == 2
    told = dict(case.recorded()[-1].details)
    assert (told["changes"], told["directory"]) == (
        1,
        "metals + person bob@metals.example: name Bob, roles trader",
    )
    assert told["listed"] == '+["person","metals","bob@metals.example","Bob","","","trader",""]'
    case.policy.write_text(POLICY.replace("tips", "hints"))
    await case.changes(2)
    case.words.write_text("tip\nhint\n")
    await case.changes(3)
    assert case.rules is case.used[-1]
    digests = [dict(event.details)["digest"] for event in case.recorded()]
    assert digests[1:] == [rules.digest for rules in case.used]
    assert len(set(digests)) == 4
    assert dict(case.recorded()[-1].details)["directory"] == ""


async def test_of_a_great_many_changes_the_first_are_told(case: Case) -> None:
    more = "".join(BOB.replace("bob@", f"bob{number}@") for number in range(CHANGES_TOLD + 2))
    case.directory.write_text(DIRECTORY + more)
    await case.changes(1)
    told = dict(case.recorded()[-1].details)
    assert told["changes"] == CHANGES_TOLD + 2
    assert str(told["directory"]).splitlines()[-1] == "... and 2 more"
    # Who is listed is recorded of all: it tells whose messages these are.
    assert len(str(told["listed"]).splitlines()) == CHANGES_TOLD + 2


async def test_broken_files_leave_the_rules_in_force(case: Case) -> None:
    before = case.rules
    case.directory.write_text(DIRECTORY.replace("trader", "traitor"))
    assert await wait_until(lambda: bool(case.alarms.present()))
    assert case.alarms.present()[0]["name"] == AlarmName.RULES_BROKEN
    assert case.rules is before
    case.directory.write_text(DIRECTORY)
    assert await wait_until(lambda: not case.alarms.present())
    assert case.used == []
    assert case.rules == before


async def test_one_bad_address_is_told_and_everybody_else_is_let_in(case: Case) -> None:
    case.directory.write_text(DIRECTORY + BOB + BOB.replace("bob@", "bo\u00df@"))
    await case.changes(1)
    assert "bob@metals.example" in case.rules.directory.people
    assert len(case.rules.directory.people) == 2
    assert await wait_until(lambda: bool(case.alarms.present()))
    assert case.alarms.present()[0]["name"] == AlarmName.RULES_BROKEN
    case.directory.write_text(DIRECTORY + BOB)
    assert await wait_until(lambda: not case.alarms.present())


async def test_a_file_that_is_not_there_is_broken_too(case: Case) -> None:
    case.policy.unlink()
    assert await wait_until(lambda: bool(case.alarms.present()))
    case.policy.write_text(POLICY.replace("tips", "hints"))
    await case.changes(1)
    assert case.alarms.present() == []


def test_a_gate_does_not_begin_with_broken_rules(tmp_path: Path) -> None:
    directory = tmp_path / "directory.toml"
    directory.write_text("gate = 7")
    with pytest.raises(RulesError) as error:
        RulesFollower(RuleSources(directory, tmp_path / "policy.toml"))
    assert any(problem.startswith("directory.toml: gate:") for problem in error.value.problems)
    assert any("policy.toml: cannot be read" in problem for problem in error.value.problems)
