"""Rules that change under a gate: the new ones at once and recorded, or the old ones and an alarm."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from components.archive.record import Event, RecordKind, parse_record
from components.gate.rules import CHANGES_TOLD, RulesInForce
from components.gate.watch.alarm import AlarmName, Alarms
from components.gate.watch.recorder import Recorder
from components.rules.load import RulesError, RuleSources
from policy.rules import Rules
from tests.support.process import wait_until

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


class Recorded(Recorder):
    """Keeps what is to be recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[RecordKind, bytes]] = []

    def add(self, kind: RecordKind, payload: bytes) -> None:
        self.kept.append((kind, payload))

    def rules(self) -> list[Event]:
        events = [parse_record(kind, data) for kind, data in self.kept if kind is RecordKind.RULES]
        return [event for event in events if isinstance(event, Event)]


class Case:
    def __init__(self, root: Path) -> None:
        self.directory, self.policy = root / "directory.toml", root / "policy.toml"
        self.words = root / "words.txt"
        self.directory.write_text(DIRECTORY)
        self.policy.write_text(POLICY)
        self.words.write_text("tip\n")
        self.recorder = Recorded()
        self.alarms = Alarms(self.recorder)
        self.in_force = RulesInForce(RuleSources(self.directory, self.policy), self.recorder, self.alarms)
        self.used: list[Rules] = []

    async def changes(self, count: int) -> None:
        assert await wait_until(lambda: len(self.used) >= count)
        # What changed is said a little later: the first record is of the start.
        assert await wait_until(lambda: len(self.recorder.rules()) > count)


@pytest.fixture
async def case(tmp_path: Path) -> AsyncIterator[Case]:
    case = Case(tmp_path)
    task = asyncio.create_task(case.in_force.run(case.used.append))
    yield case
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_what_is_in_force_at_the_start_is_recorded(case: Case) -> None:
    [event] = case.recorder.rules()
    assert event.name == "in-force"
    assert dict(event.details) == {
        "digest": case.in_force.rules.digest,
        "content": case.in_force.rules.content.digest,  # type: ignore[union-attr]
        "people": 1,
        "exceptions": "",
    }


async def test_each_file_is_followed(case: Case) -> None:
    case.directory.write_text(DIRECTORY + BOB)
    await case.changes(1)
    assert len(case.used[-1].directory.people) == 2
    told = dict(case.recorder.rules()[-1].details)
    assert (told["changes"], told["directory"]) == (
        1,
        "metals + person bob@metals.example: name Bob, roles trader",
    )
    case.policy.write_text(POLICY.replace("tips", "hints"))
    await case.changes(2)
    case.words.write_text("tip\nhint\n")
    await case.changes(3)
    assert case.in_force.rules is case.used[-1]
    digests = [dict(event.details)["digest"] for event in case.recorder.rules()]
    assert digests[1:] == [rules.digest for rules in case.used]
    assert len(set(digests)) == 4
    assert dict(case.recorder.rules()[-1].details)["directory"] == ""


async def test_of_a_great_many_changes_the_first_are_told(case: Case) -> None:
    more = "".join(BOB.replace("bob@", f"bob{number}@") for number in range(CHANGES_TOLD + 2))
    case.directory.write_text(DIRECTORY + more)
    await case.changes(1)
    told = dict(case.recorder.rules()[-1].details)
    assert told["changes"] == CHANGES_TOLD + 2
    assert str(told["directory"]).splitlines()[-1] == "... and 2 more"


async def test_broken_files_leave_the_rules_in_force(case: Case) -> None:
    before = case.in_force.rules
    case.directory.write_text(DIRECTORY.replace("trader", "traitor"))
    assert await wait_until(lambda: bool(case.alarms.present()))
    assert case.alarms.present()[0]["name"] == AlarmName.RULES_BROKEN
    assert case.in_force.rules is before
    case.directory.write_text(DIRECTORY)
    assert await wait_until(lambda: not case.alarms.present())
    assert case.used == []
    assert case.in_force.rules == before


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
        RulesInForce(RuleSources(directory, tmp_path / "policy.toml"), Recorder(), Alarms())
    assert any(problem.startswith("directory.toml: gate:") for problem in error.value.problems)
    assert any("policy.toml: cannot be read" in problem for problem in error.value.problems)
