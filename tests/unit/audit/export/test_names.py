"""Exports name people and rooms as the directory had them when each message was said, and list what is in them."""

import csv
import json
import re
from pathlib import Path

import pytest

from components.archive.record import Event, RecordKind
from components.audit.auditor import find_auditor
from components.audit.export.export import Wanted, export
from components.rules.recorded_directory import DETAIL, write_listed
from policy.directory.directory import parse_directory
from tests.support.audit_site import T0_NS, Site
from tests.support.console_site import DIRECTORY, make_console_site
from tests.support.export_site import export_to, ignore

ALICE, BOB, GEORGE = "alice@metals.example", "bob@metals.example", "george@grain.example"
ROOM = "desk@rooms.metals.example"
FIRST = DIRECTORY.replace('"Alice Adler"', '"Alice Abel"').replace(
    'name = "Metals AG"',
    'name = "Metals AG"\nroom = [{ jid = "desk@rooms.metals.example", name = "交易室" }]',
)
THEN = FIRST.replace('"Alice Abel"', '"أليس <Abel>"')
RENAMED_S = 100


async def make_talk(folder: Path) -> Site:
    """Alice writes to Bob before and after she has another name, to a room, and to somebody of another enterprise."""
    site = await make_console_site(folder)
    for text, at_s in ((FIRST, -1), (THEN, RENAMED_S)):
        listed = ((DETAIL, write_listed(parse_directory(text))),)
        await site.record(Event(RecordKind.RULES, "in-force", listed, T0_NS + at_s * 10**9))
    await site.record(
        site.say(f"{ALICE}/desk", BOB, "before", at_s=1),
        site.say(f"{ALICE}/desk", BOB, "after", at_s=RENAMED_S + 1),
        site.submit(
            f"<message xmlns='jabber:client' type='groupchat' from='{ALICE}/desk' to='{ROOM}'><body>all</body>"
            "</message>".encode(),
            at_s=2,
        ),
        site.say(f"{GEORGE}/desk", ALICE, "grain", at_s=3),
    )
    return site


async def test_each_message_names_its_people_as_they_were_called_then(tmp_path: Path) -> None:
    site = await make_talk(tmp_path)
    await export_to(site, tmp_path / "csv", "csv", "kind:message")
    with (tmp_path / "csv/export.csv").open(encoding="utf-8-sig", newline="") as file:
        named = [(row["text"], row["from_name"], row["to_name"]) for row in csv.DictReader(file)]
    assert ("before", "Alice Abel", "Bob Brandt") in named and ("after", "أليس <Abel>", "Bob Brandt") in named
    assert ("all", "Alice Abel", "交易室") in named
    await export_to(site, tmp_path / "jsonl", "jsonl", "kind:message")
    lines = [json.loads(line) for line in (tmp_path / "jsonl/export.jsonl").read_bytes().splitlines()]
    assert [(line["text"], line["from_name"], line["to_name"]) for line in lines] == named


async def test_a_transcript_lists_its_conversations_with_who_takes_part(tmp_path: Path) -> None:
    site = await make_talk(tmp_path)
    await export_to(site, tmp_path / "out", "html", "kind:message")
    page = (tmp_path / "out/transcript.html").read_text("utf-8")
    contents, rest = page.split("</nav>")
    assert re.findall(r'href="#(conversation-\d+)"', contents) == re.findall(r'<h2 id="(.+?)"', rest)
    rows = [re.sub(r"</?bdi>", "", row) for row in re.findall(r"<tr><td.*?</tr>", contents)]
    alice = f"Alice Abel, later أليس &lt;Abel&gt; &lt;{ALICE}&gt;"
    (pair,) = [row for row in rows if f"{alice} and Bob Brandt &lt;{BOB}&gt;" in row]
    assert "2026-11-23 20:04:06 +0000<br>2026-11-23 20:05:46 +0000" in pair and ">2<" in pair
    assert any(f"交易室 &lt;{ROOM}&gt;" in row for row in rows)
    # A name that runs from the right stays before the JID, as everywhere.
    for name in ("Alice Abel", "أليس &lt;Abel&gt;"):
        assert f'<bdi dir="ltr">{name} &lt;{ALICE}/desk&gt;</bdi>' in rest


async def test_mails_and_review_platforms_name_people(tmp_path: Path) -> None:
    site = await make_talk(tmp_path)
    await export_to(site, tmp_path / "out", "eml", "before")
    (mail,) = (tmp_path / "out").rglob("*.eml")
    head = mail.read_text()
    assert f"From: Alice Abel <{ALICE}>" in head and f"To: Bob Brandt <{BOB}>" in head


@pytest.mark.slow
async def test_nobody_is_told_who_people_of_other_enterprises_are(tmp_path: Path) -> None:
    site = await make_talk(tmp_path)
    for who, told, untold in (("greta", "George Green", "Abel"), ("anna", "Abel", "")):
        auditor = find_auditor(site.settings, who)
        await export(site.settings, Wanted("kind:message", "html"), tmp_path / who, ignore, auditor)
        page = (tmp_path / who / "transcript.html").read_text("utf-8")
        assert told in page and ALICE in page
        assert not untold or untold not in page
