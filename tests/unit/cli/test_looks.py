"""Whatever an auditor's command shows, the look is a record first (G6); so also for a command that is added."""

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.cli.audit import app
from tests.support.audit_site import Site, make_site
from tests.support.command import run_command
from tests.support.typed import file_of
from tests.unit.policy.content.rules import write_rule

# They look at earlier looks (tests/unit/cli/test_repeat.py, test_activity.py, test_check_export.py), or give a way in.
TRIED_ELSEWHERE = ("replay", "activity", "check-export", "link")
COMMANDS = {
    name: command
    for name in app
    if not name.startswith("-")
    and name not in TRIED_ELSEWHERE
    and (command := app[name].default_command)  # a group has none; `index` looks after a file
}
GIVEN = {"query": "copper", "record": "gate/1", "what": "gate/1", "output": "exported"}
FLAGS_TOPICS = write_rule("off", "flag", kind="topic", topics=["off-channel"], must_match=["x"])


@pytest.fixture
async def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = await make_site(tmp_path)
    await site.record(site.say("alice@metals.example/desk", "bob@metals.example", "Selling copper"))
    (tmp_path / "policy.toml").write_text(FLAGS_TOPICS)
    site.path.write_text(site.path.read_text().replace("[gate]", '[gate]\npolicy = "policy.toml"'))
    monkeypatch.setenv("STEELYARD_SITE", str(site.path))
    monkeypatch.chdir(tmp_path)
    return site


def required(command: Callable[..., Any]) -> list[str]:
    """Write what a command must be given; name it in GIVEN if it is of a new sort."""
    needed = [each for each in inspect.signature(command).parameters.values() if each.default is each.empty]
    options = (f"--{each.name}={GIVEN[each.name]}" for each in needed if each.kind is each.KEYWORD_ONLY)
    return [*(GIVEN[each.name] for each in needed if each.kind is not each.KEYWORD_ONLY), *options]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_auditors_is_a_look(
    name: str, said: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    run_command("audit", name, *required(COMMANDS[name]))
    assert capsys.readouterr().out != ""
    # An export is two: its completion is recorded, too.
    assert len(asyncio.run(said.accesses())) == (2 if name == "export" else 1)


@pytest.mark.parametrize(
    "command",
    [
        # How many match is what a search tells.
        ("export", "selling", "--format", "csv", "--output", "exported", "--limit", "1"),
        ("show", "gate/99999"),
        ("proof", "gate/99999"),
        ("search", "nothing"),
        ("read", "gate/1", "--seen-by", "bob@metals.example"),
    ],
)
async def test_what_a_refusal_tells_is_a_look_too(command: tuple[str, ...], said: Site) -> None:
    await said.record(said.say("alice@metals.example/desk", "bob@metals.example", "Selling tin", at_s=1))
    await asyncio.to_thread(run_command, "audit", *command)
    assert len(await said.accesses()) == 1


async def test_what_stands_around_the_hits_is_a_look_of_its_own(said: Site) -> None:
    await said.record(said.say("alice@metals.example/desk", "bob@metals.example", "and tin", at_s=1))
    await asyncio.to_thread(run_command, "audit", "search", "copper", "--context", "3")
    around, found = await said.accesses()
    assert (around.act, around.query, around.result_count) == ("read", "gate/1 --context 3", 1)
    assert (found.act, found.query) == ("search", '"copper"')


@pytest.mark.parametrize("name", COMMANDS)
def test_what_cannot_be_recorded_is_not_shown(
    name: str, said: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    file_of(said.settings.audit_log.key_file).unlink()
    assert run_command("audit", name, *required(COMMANDS[name])) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "could not be recorded" in told.err
