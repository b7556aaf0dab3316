"""`steelyard audit read`: what a person reads on a terminal and in a pipe, and what is recorded of it."""

import asyncio
import json
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from components.audit.access import digest_of
from components.cli.output import read as output
from tests.support.audit_site import T0_NS, Site, make_site
from tests.support.command import run_command

ALICE, BOB = "alice@metals.example", "bob@metals.example"


def message(id_: str, text: str, sender: str = ALICE, to: str = BOB, more: str = "") -> bytes:
    head = f"<message xmlns='jabber:client' from='{sender}/desk' to='{to}' type='chat' id='{id_}'>"
    return f"{head}<body>{text}</body>{more}</message>".encode()


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = await make_site(tmp_path)
    correct = "<replace xmlns='urn:xmpp:message-correct:0' id='m1'/>"
    await site.record(
        site.submit(message("m1", "Copper at 9,000")),
        site.submit(message("m2", "Copper at 9,100", more=correct), at_s=60),
        site.submit(message("m3", "Done", BOB, ALICE), at_s=4 * 3600),
        site.submit(
            message("m4", "\u202egnp.exe \x1b[31m".replace("\x1b", "&#x9b;"), BOB, ALICE), at_s=4 * 3600 + 1
        ),
    )
    monkeypatch.setenv("STEELYARD_SITE", str(site.path))
    return site


def test_a_conversation_across_midnight_in_the_readers_zone(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("audit", "read", "alice", BOB, "--zone", "Europe/Berlin") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Monday 23 November 2026, UTC+01:00" in lines
    assert "Tuesday 24 November 2026, UTC+01:00" in lines
    text = "\n".join(lines)
    assert "Copper at 9,100\n" in text
    assert f"│ first 2026-11-23 21:04:05 {site.id_of(0)} (outcome not known): “Copper at 9,000”" in text
    assert f"{site.id_of(1)} (outcome not known): as above" in text
    assert "\u202e" not in text
    assert "\x9b" not in text
    assert "\\u202egnp.exe \\x9b[31m" in text


def test_each_reading_is_a_record_with_the_digest_of_what_was_shown(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("audit", "read", site.id_of(2), "--before", "1", "--after", "0", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    (access,) = asyncio.run(site.accesses())
    assert (access.act, access.query) == ("read", f"{site.id_of(2)} --before 1 --after 0")
    assert access.result_digest == told["digest"] == digest_of([site.id_of(0), site.id_of(1), site.id_of(2)])
    assert [item["text"] for item in told["items"]] == ["Copper at 9,100", "Done"]
    assert [item["is_hit"] for item in told["items"]] == [False, True]
    assert told["items"][0]["versions"][0]["at"] == "2026-11-23T20:04:05+00:00"
    assert told["items"][0]["at_ns"] == T0_NS


def test_json_of_times_has_the_offset(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("audit", "read", ALICE, BOB, "--limit", "1", "--zone", "Asia/Seoul", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["items"][0]["at"] == "2026-11-24T09:04:06+09:00"
    assert told["more_before"] == site.id_of(3)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("alice", "nobody"), "is no one account's name"),
        ((ALICE, "carol@metals.example"), "there is no conversation"),
        (("gate/9999",), "there is no record gate/9999"),
        (("nothing/1",), "is no record's id"),
        (("gate/0", "--until", "gate/1"), "--before and --after"),
        (("alice", "bob", "--before", "1"), "--until and --from"),
        (("alice", "bob", "--zone", "Mars/Olympus"), "is no time zone"),
        (("alice", "bob", "--zone", "../../etc/passwd"), "is no time zone"),
        (("alice", "bob", "--at", "yesteryear"), "--at"),
        (("alice", "bob", "--until", "gate/1", "--from", "gate/1"), "not both"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_shown(
    site: Site, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    assert run_command("audit", "read", *arguments) == 2
    found = capsys.readouterr()
    assert told in found.err
    assert "Copper" not in found.out


def test_a_long_conversation_goes_through_a_pager_on_a_terminal(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    paged: list[str] = []
    terminal = Console(force_terminal=True, width=200, height=5)
    monkeypatch.setattr(output, "make_console", lambda: terminal)
    monkeypatch.setattr("pydoc.pager", paged.append)
    assert run_command("audit", "read", ALICE, BOB) == 0
    (text,) = paged
    assert "Copper at 9,100" in text
    assert "\x1b[" in text
    assert max(Text.from_ansi(line).cell_len for line in text.splitlines()) <= 80


def test_as_it_was_then_is_said(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("audit", "read", "alice", "bob", "--at", "2026-11-23T20:04:30Z") == 0
    text = capsys.readouterr().out
    assert "as it was at 2026-11-23 20:04:30 +0000" in text
    assert "Copper at 9,000" in text
    assert "9,100" not in text
    assert "Done" not in text
    assert asyncio.run(site.accesses())[-1].query.endswith(f"--at {(T0_NS // 10**9 + 25) * 10**9}")
