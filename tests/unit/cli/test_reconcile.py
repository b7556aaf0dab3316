"""`steelyard audit reconcile`: what adds up, and what does not, is told to people and programs."""

import asyncio
import json
from pathlib import Path

import pytest

from components.archive.record import Alarm, Delivery
from tests.support.audit_site import Site, make_site
from tests.support.command import run_command


def run(site: Site, *arguments: str) -> int:
    return run_command("audit", "reconcile", *arguments, "--site", site.path)


@pytest.fixture
async def said(tmp_path: Path) -> Site:
    site = await make_site(tmp_path)
    await site.record(
        *(site.say("alice@metals.example/x", "bob@metals.example", "tin", seq=seq) for seq in (1, 2, 4)),
        Delivery("e1", 4, (3,)),
        Alarm("canary-lost", (("reached", "sent"),), 1_795_464_245_000_000_000),
    )
    return site


async def test_it_says_that_all_adds_up_and_is_a_look(said: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert await in_thread(said) == 0
    output = capsys.readouterr().out
    assert "epoch e1: 3 submissions, numbers up to 4, carried out up to 4, 1 bounced" in output
    assert "alarm canary-lost: reached sent" in output
    assert "every number is accounted for" in output
    (access,) = await said.accesses()
    assert (access.act, access.query, access.result_count) == ("reconcile", "", 0)


async def test_it_names_what_does_not_add_up(said: Site, capsys: pytest.CaptureFixture[str]) -> None:
    await said.record(*(said.submit(b"<message/>", seq=seq, epoch="e\x1b[2J") for seq in (1, 4, 4)))
    assert await in_thread(said) == 1
    output = capsys.readouterr().out
    assert "epoch e\\x1b[2J: numbers that are in no record: 2 to 3" in output
    assert "numbers that are recorded again: 4" in output
    assert "2 findings" in output
    assert await in_thread(said, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["records_missing"], found["unreadable"]) == (False, [], [])
    assert found["epochs"][1] == {
        "epoch": "e\x1b[2J",
        "submissions": 3,
        "last": 4,
        "through": 0,
        "bounced": 0,
        "unknown": 0,
        "missing": [[2, 3]],
        "unsure": [],
        "repeated": [[4, 4]],
        "misplaced": [],
    }
    assert found["alarms"][0]["alarm"] == "canary-lost"
    accesses = await said.accesses()
    assert [access.result_count for access in accesses] == [2, 2]


async def in_thread(site: Site, *arguments: str) -> int:
    """Run the command where no event loop runs yet."""
    return await asyncio.to_thread(run, site, *arguments)


async def test_canaries_are_accounted_for_and_are_nothing_to_search_for(
    said: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    canary = b"<message from='gate.x' to='gate.x'><canary xmlns='urn:steelyard:gate:0'/></message>"
    await said.record(said.submit(canary, seq=5)._replace(way="canary"), said.submit(b"<message/>", seq=6))
    assert await in_thread(said) == 0
    capsys.readouterr()
    await asyncio.to_thread(run_command, "audit", "search", "*", "--json", "--site", said.path)
    found = json.loads(capsys.readouterr().out)
    assert [record["seq"] for record in found["records"]] == [1, 2, 4, 6]
