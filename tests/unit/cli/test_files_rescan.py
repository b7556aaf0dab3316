"""`steelyard files rescan`: what nobody knew when a file came is found later, and is a record before it is shown."""

import asyncio
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from components.archive.record import Event, RecordKind, parse_record
from components.audit.open_log import open_log
from components.settings.site import SiteFile
from tests.support.command import run_command
from tests.support.kept_site import Kept, Sent, add_transfer, keep_files
from tests.support.made_site import made_site, site

__all__ = ["made_site", "site"]

# A process of its own looks into files.
pytestmark = pytest.mark.programs

TEXT, SCRIPT = b"The price of copper.\n", b"#!/bin/sh\nrm -rf ~\n"


@pytest.fixture
def settings(site: Path, monkeypatch: pytest.MonkeyPatch) -> SiteFile:
    monkeypatch.setenv("STEELYARD_SITE", str(site))
    return add_transfer(site)


@pytest.fixture
def kept(settings: SiteFile) -> list[Kept]:
    """Files that nobody had looked into when they came."""
    return keep_files(
        settings,
        [
            Sent(TEXT, name="price.txt", media_type="text/plain"),
            Sent(SCRIPT, name="run.sh", owner="bob@metals.example", media_type="text/plain"),
        ],
    )


def rescan(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    status = run_command("files", "rescan", *options, "--json")
    out, err = capsys.readouterr()
    assert status in (0, 1), err
    document: dict[str, Any] = json.loads(out)
    return status, document


def deny(settings: SiteFile, content: bytes) -> None:
    (settings.folder / "denied.txt").write_text(f"{sha256(content).hexdigest()}  what went astray\n")
    text = settings.path.read_text()
    settings.path.write_text(text.replace("[transfer] ", '[transfer]\ndenied_hashes = "denied.txt"\n# ', 1))


def found_records(settings: SiteFile) -> list[dict[str, str | int]]:
    async def read() -> list[dict[str, str | int]]:
        async with open_log(settings, settings.audit_log) as log:
            opened = await log.fetch(0, await log.reader.size())
        events = [
            parse_record(RecordKind.FILE, each.payload or b"")
            for each in opened
            if each.leaf.kind == RecordKind.FILE
        ]
        return [dict(event.details) for event in events if isinstance(event, Event) and event.name == "found"]

    return asyncio.run(read())


def test_a_program_is_found_and_nothing_else(
    kept: list[Kept], settings: SiteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    status, document = rescan(capsys)
    assert (status, document["looked"], document["unopened"]) == (1, 2, 0)
    (finding,) = document["findings"]
    assert finding["file"]["id"] == kept[1].record_id
    assert "executable" in finding["marks"]
    (record,) = found_records(settings)
    assert record["record"] == kept[1].record_id
    assert record["content_sha256"] == sha256(SCRIPT).hexdigest()
    assert str(record["marks"]).split() == finding["marks"]
    assert str(record["rules"]).split() == finding["rules"]
    assert record["action"] == finding["action"]


def test_a_hash_that_is_denied_later_is_found(
    kept: list[Kept], settings: SiteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ("--name", "PRICE")
    assert rescan(capsys, *chosen)[1]["findings"] == []
    deny(settings, TEXT)
    status, document = rescan(capsys, *chosen)
    (finding,) = document["findings"]
    assert (status, finding["marks"], finding["action"]) == (1, ["denied-hash"], "refuse")
    capsys.readouterr()
    assert run_command("files", "rescan", *chosen) == 1
    told = capsys.readouterr().out
    assert f"{kept[0].record_id} anna@metals.example, price.txt: denied-hash" in told
    assert "now it would be refused" in told
    assert rescan(capsys, "--owner", "nobody@metals.example")[1]["looked"] == 0


def test_what_cannot_be_opened_is_counted(
    kept: list[Kept], settings: SiteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    (settings.folder / "files" / kept[1].blob.head_name).unlink()
    status, document = rescan(capsys)
    assert (status, document["looked"], document["unopened"]) == (0, 1, 1)


def test_what_cannot_be_recorded_is_not_looked_for(
    kept: list[Kept], settings: SiteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.audit_log.key_file.unlink()
    assert run_command("files", "rescan") == 2
    told = capsys.readouterr()
    assert (told.out, "could not be recorded" in told.err, len(kept)) == ("", True, 2)
