"""A long run without its site: who is there, how it ends, and what is told of it."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from lxml import etree

from components.site.init import init_site, load_passwords
from policy.address import BareJid
from policy.directory.directory import parse_directory
from policy.reach.affiliation import reachable_people
from tests.soak.__main__ import tell_long
from tests.soak.check import Report, Violation
from tests.soak.history import Session
from tests.soak.long import PEOPLE, Colleague, LongOutcome, add_room, for_so_long
from tests.soak.memory import Growth
from tests.soak.people import Journal
from tests.soak.plan import ROOM, STRANGER, TRADERS
from tests.support.demonstration import NOTICE

EXAMPLE = Path(__file__).resolve().parents[3] / "config" / "examples" / "directory.toml"


def test_the_people_are_the_demonstrations_and_reach_one_another_but_for_the_stranger(tmp_path: Path) -> None:
    file = tmp_path / "directory.toml"
    file.write_text(EXAMPLE.read_text())
    add_room(file)
    directory = parse_directory(file.read_text())
    ours = {each.jid for each in PEOPLE if each is not STRANGER}
    assert STRANGER in PEOPLE
    for jid in ours:
        reached = {str(person.jid) for person in reachable_people(directory, BareJid(jid))}
        assert reached == ours - {jid}
    rooms = {str(room.jid): each.name for each in directory.enterprises for room in each.rooms}
    assert rooms[ROOM] == rooms["desk@rooms.metals.example"] == "Metals Trading AG"


def test_the_checker_knows_who_is_in_the_room() -> None:
    assert [each.jid for each in PEOPLE if each.in_room] == [each.jid for each in TRADERS[1] if each.in_room]


async def forever(ended: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("ended")


async def test_it_ends_when_its_time_is_over() -> None:
    ended: list[str] = []
    await for_so_long(0.01, asyncio.Event(), forever(ended), forever(ended))
    assert ended == ["ended"] * 2


async def test_it_ends_when_it_is_told_to() -> None:
    ended: list[str] = []
    stop = asyncio.Event()

    async def tell() -> None:
        stop.set()
        await asyncio.Event().wait()

    await for_so_long(3600, stop, tell(), forever(ended))
    assert ended == ["ended"]


async def test_what_fails_ends_it_and_is_told() -> None:
    ended: list[str] = []

    async def fail() -> None:
        raise OSError("no gate")

    with pytest.raises(OSError, match="no gate"):
        await for_so_long(3600, asyncio.Event(), forever(ended), fail())
    assert ended == ["ended"]


@pytest.mark.slow
async def test_what_people_are_told_of_the_recording_nobody_said(tmp_path: Path) -> None:
    settings = init_site(tmp_path / "site.toml", demo=True).settings
    journal = Journal()
    alice = Colleague(PEOPLE[0], settings, load_passwords(settings), journal)
    alice.sessions.append(Session("alice#0", alice.jid, True, 0.0, float("inf")))
    for sender in (NOTICE, "bob@metals.example/desk"):
        alice.hear(
            etree.fromstring(
                f"<message xmlns='jabber:client' from='{sender}' id='x'><body>Hello</body></message>"
            )
        )
    assert [each.sender for each in journal.heard] == ["bob@metals.example/desk"]


def outcome(*violations: Violation, mib_per_h: float = 0.5) -> LongOutcome:
    growths = (Growth("components.gate", 5, 80.0, 81.0, mib_per_h), Growth("prosody", 1, 50.0, 50.0, 0.0))
    return LongOutcome(Report(violations, Counter({"unknown": 2})), 7000, 4, growths)


def test_what_was_found_and_each_slope_are_told() -> None:
    assert tell_long(outcome(), 60.0, "abc").splitlines() == [
        "soak: 60 minutes with abc: 7000 messages, 4 kills of the gate, 0 violations",
        "  left open by the promises: 2 × unknown",
        "  components.gate: 80.0 MiB, +0.5 an hour, 5 lives",
        "  prosody: 50.0 MiB, +0.0 an hour",
    ]


def test_what_was_broken_and_what_grows_is_marked() -> None:
    lost = Violation("lost", "alice-3", "to bob")
    said = tell_long(outcome(lost, mib_per_h=20.0), 0.5, "abc")
    assert "0.5 minutes with abc: 7000 messages, 4 kills of the gate, 1 violations" in said
    assert f"  ✘ {lost}" in said
    assert "+20.0 an hour, 5 lives  ✘ grows" in said
