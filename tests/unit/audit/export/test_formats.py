"""Each format, read again by another program's or the standard library's parser, record by record."""

import csv
import email
import email.policy
import io
import json
import zipfile
from datetime import UTC
from email.message import EmailMessage
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import kreuzberg
import pytest

from components.audit.export.formats import FORMATS
from components.audit.export.message import Outcome
from components.audit.export.text import write_time
from tests.support.audit_site import T0_NS
from tests.support.export_site import (
    ALICE,
    BOB,
    CAROL,
    FORMAT_NAMES,
    HOSTILE,
    ROOM,
    Said,
    export_to,
    text_of_cell,
)

pytestmark = pytest.mark.slow

SCHEMA = Path("tests/vectors/rsmf/rsmf_schema_2_0_0.json")
SCHEMA_SHA256 = "9658446c8ced7c92b1413dac0509a7645cf1578d25e30cb88d3e9c18696e2338"


def all_ids(said: Said) -> set[str]:
    return {said.site.id_of(number) for number in range(said.first_hostile + len(HOSTILE))}


def read_jsonl(folder: Path) -> dict[str, dict[str, object]]:
    lines = (folder / "export.jsonl").read_text("utf-8").split("\n")
    return {each["id"]: each for each in map(json.loads, filter(None, lines))}


async def test_json_lines_have_all_of_each_record(said: Said, tmp_path: Path) -> None:
    await export_to(said.site, tmp_path / "out", "jsonl", zone="Europe/London")
    found = read_jsonl(tmp_path / "out")
    assert found.keys() == all_ids(said)
    original = found[said.site.id_of(said.original)]
    assert (original["text"], original["from"], original["to"]) == (
        "Selling copper at 9,412",
        f"{ALICE}/desk",
        BOB,
    )
    assert (original["at_ns"], original["at"]) == (T0_NS, "2026-11-23T20:04:05.000000+00:00")
    effects = [(each["mark"], each["id"]) for each in original["effects"]]  # type: ignore[attr-defined]
    id_of = said.site.id_of
    assert effects == [
        ("correction", id_of(said.correction)),
        ("correction", id_of(said.second_correction)),
        ("reaction", id_of(said.reactions[0])),
        ("reaction", id_of(said.reactions[1])),
        ("receipt", id_of(said.receipt)),
        ("marker", id_of(said.marker)),
    ]
    # Bob may not correct what Alice said: his correction is a message of its own.
    assert found[id_of(said.foreign_correction)]["target_record"] == ""
    assert found[id_of(said.reply)]["answers_record"] == id_of(said.original)
    assert (found[id_of(said.refused)]["verdict"], found[id_of(said.refused)]["outcome"]) == (
        "refuse",
        Outcome.NOT_DELIVERED,
    )
    assert found[id_of(said.held)]["outcome"] == Outcome.HELD
    amended = found[id_of(said.amended)]
    assert (amended["text"], amended["amended"], amended["outcome"]) == (
        "Call me at 555",
        "Call me at ***",
        Outcome.DELIVERED,
    )
    assert found[id_of(said.in_room)]["conversation"] == ROOM
    assert [found[id_of(number)]["mark"] for number in (said.joined, said.left)] == ["join", "leave"]
    for number, text in enumerate(HOSTILE, said.first_hostile):
        assert found[id_of(number)]["text"] == text
    times = [each["at_ns"] for each in found.values()]
    assert times == sorted(times)  # type: ignore[type-var]


async def test_json_lines_name_files_that_are_there(said: Said, tmp_path: Path) -> None:
    await export_to(said.site, tmp_path / "out", "jsonl")
    files: Any = read_jsonl(tmp_path / "out")[said.site.id_of(said.picture)]["files"]
    (file,) = files
    content = (tmp_path / "out" / file["path"]).read_bytes()
    assert (sha256(content).hexdigest(), len(content)) == (file["sha256"], file["size_bytes"])


async def test_csv_gives_the_texts_back_and_computes_nothing(said: Said, tmp_path: Path) -> None:
    await export_to(said.site, tmp_path / "out", "csv")
    text = (tmp_path / "out/export.csv").read_bytes().decode("utf-8-sig")
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(text, newline=""), strict=True)}
    assert rows.keys() == all_ids(said)
    for number, expected in enumerate(HOSTILE, said.first_hostile):
        assert text_of_cell(rows[said.site.id_of(number)]["text"]) == expected
    for row in rows.values():
        for cell in row.values():
            assert cell[:1] not in tuple("=+-@\t\r＝＋－＠")
            assert not cell.lstrip(" \u200b").startswith(("=", "+", "-", "@", "＝"))
    original = rows[said.site.id_of(said.original)]
    assert original["time"] == write_time(T0_NS, UTC)
    assert f"correction:{said.site.id_of(said.correction)}" in original["changed_by"]
    assert rows[said.site.id_of(said.retraction)]["acts_on"] == said.site.id_of(said.retracted)


class _Page(HTMLParser):
    """Reads a transcript as a browser does: the elements, and the texts of records by their ids."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: dict[str, str] = {}
        self._article = ""
        self._in_text = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        named = dict(attrs)
        if tag == "article":
            self._article = str(named["id"]).replace("-", "/", 1)
        self._in_text = tag == "p" and named.get("class") == "text"

    def handle_endtag(self, tag: str) -> None:
        self._in_text = self._in_text and tag != "p"

    def handle_data(self, data: str) -> None:
        if self._in_text:
            self.texts[self._article] = self.texts.get(self._article, "") + data


async def test_html_shows_texts_as_texts(said: Said, tmp_path: Path) -> None:
    await export_to(said.site, tmp_path / "out", "html")
    page = _Page()
    page.feed((tmp_path / "out/transcript.html").read_text("utf-8"))
    assert {f"{each}" for each in all_ids(said)} >= page.texts.keys()
    for number, text in enumerate(HOSTILE, said.first_hostile):
        assert page.texts[said.site.id_of(number)] == text
    assert not page.tags & {"script", "img", "iframe", "object", "link", "form", "input", "b"}
    assert not any(name.startswith("on") for name, _ in page.attributes)
    links = [str(value) for name, value in page.attributes if name in ("href", "src")]
    assert all(link.startswith(("files/", "#conversation-")) for link in links)
    (policy,) = [value for name, value in page.attributes if value and "default-src 'none'" in value]
    assert "unsafe" not in str(policy)


def read_mail(path: Path) -> EmailMessage:
    raw = path.read_bytes()
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    assert not mail.defects
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert raw.isascii()
    return mail


async def test_eml_has_each_conversation_and_day(said: Said, tmp_path: Path) -> None:
    await export_to(said.site, tmp_path / "out", "eml", zone="UTC")
    mails = {path: read_mail(path) for path in sorted((tmp_path / "out").rglob("*.eml"))}
    days = [path.stem.split()[-1] for path in mails]
    assert days == ["2026-11-23", "2026-11-24", "2026-11-23", "2026-11-23"]
    first, second, *_ = mails.values()
    assert second["In-Reply-To"] == first["Message-ID"]
    assert "In-Reply-To" not in first
    assert [each.addr_spec for each in first["From"].addresses + first["To"].addresses] == [ALICE, BOB]
    plain = first.get_body(("plain",)).get_content().replace("\r\n", "\n")  # type: ignore[union-attr]
    html = first.get_body(("html",)).get_content()  # type: ignore[union-attr]
    for number, text in enumerate(HOSTILE, said.first_hostile):
        assert f"[{said.site.id_of(number)}]  {ALICE}/desk\n{text}\n" in plain
    (attached,) = first.iter_attachments()
    assert attached.get_content_type() == "image/png"
    content = attached.get_content()
    assert content.startswith(b"\x89PNG") and len(content) == 208
    texts = "".join(mail.get_body(("plain",)).get_content() for mail in mails.values())  # type: ignore[union-attr]
    assert {each for each in all_ids(said) if f"[{each}]" in texts} == all_ids(said)
    assert "<script>" not in html and "&lt;script&gt;" in html
    (room,) = [mail for path, mail in mails.items() if ROOM in str(path)]
    assert [each.addr_spec for each in room["From"].addresses] == [CAROL]


def read_rsmf(path: Path) -> dict[str, list[dict[str, object]]]:
    mail = read_mail(path)
    (attached,) = mail.iter_attachments()
    with zipfile.ZipFile(io.BytesIO(attached.get_content())) as archive:
        manifest = json.loads(archive.read("rsmf_manifest.json"))
        members = set(archive.namelist()) - {"rsmf_manifest.json"}
    named = {each["id"] for event in manifest["events"] for each in event["attachments"]}
    assert members == named
    assert mail["X-RSMF-Version"] == "2.0.0"
    assert int(mail["X-RSMF-EventCount"]) == len(manifest["events"])
    return dict(manifest)


def read_schema() -> jsonschema.Draft7Validator:
    schema = SCHEMA.read_bytes()
    assert sha256(schema).hexdigest() == SCHEMA_SHA256
    return jsonschema.Draft7Validator(json.loads(schema), format_checker=jsonschema.FormatChecker())


async def test_rsmf_is_valid_and_maps_what_was_done(said: Said, tmp_path: Path) -> None:
    await export_to(said.site, tmp_path / "out", "rsmf")
    validator = read_schema()
    manifests = [read_rsmf(path) for path in sorted((tmp_path / "out").rglob("*.rsmf"))]
    for manifest in manifests:
        validator.validate(manifest)
    people = {each["id"] for manifest in manifests for each in manifest["participants"]}
    events = {str(event["id"]): event for manifest in manifests for event in manifest["events"]}
    assert all(event["participant"] in people for event in events.values())
    id_of = said.site.id_of
    original = events[id_of(said.original)]
    assert original["body"] == "Selling copper at 9,400"
    assert [(each["previous"], each["new"]) for each in original["edits"]] == [  # type: ignore[attr-defined]
        ("Selling copper at 9,412", "Selling copper at 9,421"),
        ("Selling copper at 9,421", "Selling copper at 9,400"),
    ]
    assert original["reactions"] == [{"value": "👎", "count": 1, "participants": [BOB]}]
    assert [each["action"] for each in original["read_receipts"]] == ["delivered", "read"]  # type: ignore[attr-defined]
    assert events[id_of(said.retracted)]["deleted"] is True
    assert events[id_of(said.reply)]["parent"] == id_of(said.original)
    assert [events[id_of(number)]["type"] for number in (said.joined, said.left)] == ["join", "leave"]
    for number, text in enumerate(HOSTILE, said.first_hostile):
        assert events[id_of(number)]["body"] == text
    # Each record is an event, or named by the event that it acts on.
    told = json.dumps([event["custom"] for event in events.values()])
    assert {each for each in all_ids(said) if each in events or f' {each}"' in told} == all_ids(said)


async def test_actiance_says_who_was_there_and_what_was_changed(said: Said, tmp_path: Path) -> None:
    await export_to(said.site, tmp_path / "out", "actiance")
    root = ET.parse(tmp_path / "out/actiance_export.xml").getroot()
    assert root.tag == "FileDump"
    messages = {each.findtext("MessageId"): each for each in root.iter("Message")}
    assert messages.keys() == all_ids(said)
    id_of = said.site.id_of
    original = messages[id_of(said.original)]
    assert (original.findtext("UpdatedType"), original.findtext("EditedNewMsgId")) == (
        "EditedOriginalMsg",
        id_of(said.second_correction),
    )
    assert messages[id_of(said.correction)].findtext("UpdatedType") == "EditedNewMsg"
    assert messages[id_of(said.retracted)].findtext("UpdatedType") == "Deleted"
    assert original.findtext("DateTimeUTC") == str(T0_NS // 10**6)
    for number, text in enumerate(HOSTILE, said.first_hostile):
        assert messages[id_of(number)].findtext("Content") == text
    for conversation in root.findall("Conversation"):
        entered = [each.findtext("LoginName") for each in conversation.findall("ParticipantEntered")]
        left = [each.findtext("LoginName") for each in conversation.findall("ParticipantLeft")]
        assert sorted(filter(None, entered)) == sorted(filter(None, left)) and entered
        tags = [each.tag for each in conversation]
        assert tags[:2] == ["RoomID", "StartTimeUTC"] and tags[-1] == "EndTimeUTC"
    (transfer,) = root.iter("FileTransferEnded")
    assert transfer.findtext("Status") == "Completed"


@pytest.mark.programs
async def test_pdf_prints_every_record_with_its_id(said: Said, tmp_path: Path) -> None:
    await export_to(said.site, tmp_path / "out", "pdf")
    paths = sorted((tmp_path / "out").rglob("*.pdf"))
    printed = "\n".join(kreuzberg.extract_file_sync(path).content for path in paths)
    assert {each for each in all_ids(said) if each in printed} == all_ids(said)
    for text in (
        "Selling copper at 9,412",
        "铜价上涨 구리 銅",
        "[U+1F9FF nazar amulet]",
        "<script>alert(1)</script>",
        "Page 1 of",
    ):
        assert text in printed


@pytest.mark.parametrize("name", FORMAT_NAMES)
async def test_an_empty_result_is_an_export_too(name: str, said: Said, tmp_path: Path) -> None:
    result = await export_to(said.site, tmp_path / "out", name, "nobodysaidthis")
    assert (result.counts.matched, result.counts.exported) == (0, 0)
    assert json.loads((tmp_path / "out/manifest.json").read_bytes())["matched"] == 0
    assert FORMATS[name].cannot_carry
