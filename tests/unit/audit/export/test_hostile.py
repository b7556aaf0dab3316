"""Hostile texts in each format, read again by other people's parsers and compared record by record."""

import csv
import io
import re
from collections.abc import Callable
from email.utils import getaddresses
from pathlib import Path
from xml.etree import ElementTree as ET

import kreuzberg
import pytest

from components.verifier.export import verify_export
from tests.support.audit_site import Site, make_site
from tests.support.export_site import FORMAT_NAMES, export_to, text_of_cell
from tests.support.hostile import Uttered, record_hostile
from tests.support.rounds import TIMES, chance
from tests.unit.audit.export.test_formats import _Page, read_jsonl, read_mail, read_rsmf, read_schema

pytestmark = pytest.mark.slow

COUNT = max(20, round(60 * TIMES))
Texts = dict[str, str]


def texts_of_jsonl(folder: Path) -> Texts:
    return {id_: str(each["text"]) for id_, each in read_jsonl(folder).items()}


def texts_of_csv(folder: Path) -> Texts:
    text = (folder / "export.csv").read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    for row in rows:
        for cell in row.values():
            assert not cell.strip().startswith(("=", "+", "-", "@", "＝"))
    return {row["id"]: text_of_cell(row["text"]) for row in rows}


def texts_of_html(folder: Path) -> Texts:
    page = _Page()
    page.feed((folder / "transcript.html").read_bytes().decode())
    assert not page.tags & {"script", "img", "iframe", "object", "link", "form", "input", "b"}
    assert not any(name.startswith("on") for name, _ in page.attributes)
    return page.texts


def texts_of_eml(folder: Path) -> Texts:
    found: Texts = {}
    for path in folder.rglob("*.eml"):
        mail = read_mail(path)
        assert "Bcc" not in mail
        addresses = getaddresses([str(mail[name]) for name in ("From", "To") if name in mail])
        assert [each for _, each in addresses if not each.endswith((".example", "jid.invalid"))] == []
        assert {part.get_content_type() for part in mail.walk()} == {
            "multipart/alternative",
            "text/plain",
            "text/html",
        }
        page = _Page()
        # As browsers read a page; a carriage return that was sent is a character reference.
        page.feed(mail.get_body(("html",)).get_content().replace("\r\n", "\n"))  # type: ignore[union-attr]
        plain = mail.get_body(("plain",)).get_content().replace("\r\n", "\n")  # type: ignore[union-attr]
        for id_, text in page.texts.items():
            assert re.search(rf"\[{id_}\]  .*\n{re.escape(unify(text))}\n", plain)
        found |= page.texts
    return found


def unify(text: str) -> str:
    """A text with the ends of lines that mails have."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def texts_of_rsmf(folder: Path) -> Texts:
    validator, found = read_schema(), dict[str, str]()
    for path in folder.rglob("*.rsmf"):
        manifest = read_rsmf(path)
        validator.validate(manifest)
        found |= {str(event["id"]): str(event["body"]) for event in manifest["events"]}
    return found


def texts_of_actiance(folder: Path) -> Texts:
    root = ET.parse(folder / "actiance_export.xml").getroot()
    marks = ("[refuse, not delivered] ", "[other] ")
    found = {}
    for message in root.iter("Message"):
        content = message.findtext("Content") or ""
        for mark in marks:
            content = content.removeprefix(mark)
        found[str(message.findtext("MessageId"))] = content
    return found


def texts_of_xep0227(folder: Path) -> Texts:
    found: Texts = {}
    for path in folder.glob("*.xml"):
        for result in ET.parse(path).getroot().iter("{urn:xmpp:mam:2}result"):
            found[result.attrib["id"]] = result.findtext(".//{jabber:client}body") or ""
    return found


def texts_of_pdf(folder: Path) -> Texts:
    """Only what is there at all: which letters stand where is tested with the words of pages."""
    printed = "".join(kreuzberg.extract_file_sync(path).content for path in folder.glob("*.pdf"))
    return dict.fromkeys(re.findall(r"\+0000 +(gate/[0-9]+)\s", printed), "")


READERS: dict[str, Callable[[Path], Texts]] = {
    "jsonl": texts_of_jsonl,
    "csv": texts_of_csv,
    "html": texts_of_html,
    "eml": texts_of_eml,
    "rsmf": texts_of_rsmf,
    "actiance": texts_of_actiance,
    "xep0227": texts_of_xep0227,
    "pdf": texts_of_pdf,
}


@pytest.fixture
async def site(site_folder: Path) -> Site:
    return await make_site(site_folder)


@pytest.fixture
async def uttered(site: Site) -> dict[str, Uttered]:
    drawn = await record_hostile(site, chance(__name__), COUNT)
    return {site.id_of(number): each for number, each in enumerate(drawn)}


@pytest.mark.parametrize("name", FORMAT_NAMES)
async def test_each_hostile_text_comes_back(
    name: str, site: Site, uttered: dict[str, Uttered], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = await export_to(site, out, name)
    keys = [log.verifier_key_file.read_text() for log in (site.settings.gate_log, site.settings.audit_log)]
    assert verify_export(out, keys).problems == ()
    found = READERS[name](out)
    is_archive = name == "xep0227"
    expected = {id_: each for id_, each in uttered.items() if each.is_delivered or not is_archive}
    wanted = {id_ for id_, each in expected.items() if each.is_read or not is_archive}
    # The reader of PDF leaves out some lines of such pages, which other readers have.
    assert len(wanted - found.keys()) <= (COUNT // 10 if name == "pdf" else 0)
    assert is_archive or sorted(found.keys() - wanted) == []
    assert is_archive or result.counts.left_out == {}
    if name != "pdf":
        differ = [id_ for id_ in wanted if expected[id_].is_read and found[id_] != expected[id_].text]
        assert differ == []


@pytest.mark.parametrize("name", FORMAT_NAMES)
async def test_names_of_files_stay_in_the_export_and_fit_everywhere(
    name: str, site: Site, uttered: dict[str, Uttered], tmp_path: Path
) -> None:
    assert uttered
    out = tmp_path / "out"
    await export_to(site, out, name)
    for path in out.rglob("*"):
        assert len(path.name.encode()) <= 255
        assert path.name.isprintable() and not set(path.name) & set('\\:*?"<>|\u202e')
        assert path.resolve().is_relative_to(out.resolve())
