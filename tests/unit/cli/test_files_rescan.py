"""`steelyard files rescan`: what nobody knew when a file came is found later, and is a record before it is shown."""

import asyncio
import json
import re
from hashlib import sha256
from os import getuid
from pathlib import Path
from pwd import getpwuid
from typing import Any

import aiohttp
import pytest

from components.archive.blobs.address import BlobAddress
from components.archive.record import Event, RecordKind, parse_record
from components.audit.files.record import FileRecord
from components.audit.open_log import open_log
from components.link.review_request import ReviewAnswer
from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.site.rescan_shut import find_shutting
from components.transfer.deciding import FileDecider
from policy.address import Domain
from policy.content.policy import ContentPolicy
from policy.content.rule import ContentAction, Rule, Uploads
from policy.directory.directory import Directory
from policy.files.facts import ContentFacts, FileFacts, FileMark
from policy.files.slot import Purpose
from policy.rules import Rules
from tests.support.command import run_command
from tests.support.kept_site import Kept, Sent, TransferAlone, add_transfer, keep_files, url_of
from tests.support.made_site import made_site, site
from tests.support.typed import file_of

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
    file_of(settings.audit_log.key_file).unlink()
    assert run_command("files", "rescan") == 2
    told = capsys.readouterr()
    assert (told.out, "could not be recorded" in told.err, len(kept)) == ("", True, 2)


async def rescan_running(
    settings: SiteFile, kept: list[Kept], capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[dict[str, Any], list[int]]:
    """Look into files while the component runs; returns what was found, and how a GET of each file is answered then."""
    async with TransferAlone(settings.path) as transfer, aiohttp.ClientSession() as client:
        _, document = await asyncio.to_thread(rescan, capsys, *options)
        statuses = []
        for each in kept:
            async with client.get(url_of(transfer.settings, each)) as response:
                statuses.append(response.status)
    return document, statuses


def shut_records(settings: SiteFile) -> list[dict[str, str | int]]:
    log = settings.require_log("transfer")

    async def read() -> list[dict[str, str | int]]:
        async with open_log(settings, log) as opener:
            opened = await opener.fetch(0, await opener.reader.size())
        events = [
            parse_record(RecordKind.REVIEW, each.payload or b"")
            for each in opened
            if each.leaf.kind == RecordKind.REVIEW
        ]
        return [dict(event.details) for event in events if isinstance(event, Event)]

    return asyncio.run(read())


def add_rule(settings: SiteFile, action: str) -> None:
    """Let the site have a rule for scripts, which it had not when they came."""
    policy = settings.folder / "scripts.toml"
    policy.write_text(
        f'[[rule]]\nid = "scripts"\nkind = "file"\naction = "{action}"\ntext = "No scripts."\n'
        'marks = ["executable"]\nmust_match = [{ marks = ["executable"] }]\n'
    )
    text = settings.path.read_text()
    settings.path.write_text(re.sub(r"(?m)^policy = .*$", f'policy = "{policy}"', text, count=1))


@pytest.mark.parametrize(
    ("action", "options", "status"),
    [("refuse", (), 404), ("hold", (), 503), ("refuse", ("--report-only",), 200)],
    ids=["refused", "held", "only reported"],
)
def test_an_open_file_that_is_found_bad_is_shut(
    kept: list[Kept],
    settings: SiteFile,
    capsys: pytest.CaptureFixture[str],
    action: str,
    options: tuple[str, ...],
    status: int,
) -> None:
    add_rule(settings, action)
    settings = SiteFile(settings.path)
    document, statuses = asyncio.run(rescan_running(settings, kept, capsys, *options))
    (finding,) = document["findings"]
    assert (statuses, finding["shut"], finding["problem"]) == ([200, status], not options, None)
    assert finding["action"] == action
    expected = [] if options else [(kept[1].record_id, action, "scripts")]
    records = shut_records(settings)
    assert [(each["record"], each["action"], each["rules"]) for each in records] == expected
    assert all(str(each["reason"]).endswith(finding["record"]) for each in records)
    if not options:
        # Once: the next look finds the same, and nothing to shut.
        again, statuses = asyncio.run(rescan_running(settings, kept, capsys))
        assert (statuses[1], again["findings"][0]["shut"]) == (status, False)
        assert "not open any more" in again["findings"][0]["problem"]


def test_a_component_that_does_not_run_is_asked_once(
    kept: list[Kept], settings: SiteFile, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def ask_nobody(*given: Any) -> ReviewAnswer:
        asked.append(given[1])
        raise SiteError("the transfer component does not answer")

    monkeypatch.setattr("components.site.rescan_shut.ask_writer", ask_nobody)
    add_rule(settings, "refuse")
    deny(settings, TEXT)
    status, document = rescan(capsys)
    assert status == 1
    assert [each["problem"] for each in document["findings"]] == [
        "the transfer component does not answer"
    ] * 2
    assert len(asked) == 1
    assert run_command("files", "rescan") == 1
    assert "Not shut: the transfer component does not answer." in capsys.readouterr().out


def decider(*rules: tuple[str, ContentAction, FileMark]) -> FileDecider:
    policy = ContentPolicy(
        tuple(Rule(id_, action, "t", Uploads(marks=(mark,))) for id_, action, mark in rules)
    )
    return FileDecider(Rules(Directory(Domain("gate.metals.example"), ()), policy))


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        # What was let through then, and would not be now.
        (("release", "", ""), "executable", ("refuse", "programs")),
        (("release", "", ""), "macros", ("hold", "macros")),
        (("release", "macros", "macros"), "macros", ("hold", "macros")),
        (("hold", "macros", "macros"), "macros executable", ("refuse", "macros programs")),
        (("release", "", ""), "malware unscanned", ("refuse", "file-malware")),
        # A reviewer may have released it.
        (("hold", "macros", "macros"), "macros", None),
        (("hold", "macros", "macros"), "macros location", None),
        (("hold", "macros", "macros"), "macros encrypted", ("hold", "locked")),
        # What did not work today says nothing of the file.
        (("release", "", ""), "unscanned", None),
        (("release", "", ""), "unscannable", None),
        (("release", "unscannable", ""), "unscannable", ("hold", "unreadable")),
        (("release", "", ""), "location", None),
    ],
)
def test_what_shuts_a_file(then: tuple[str, str, str], now: str, expected: tuple[str, str] | None) -> None:
    rules = decider(
        ("programs", ContentAction.REFUSE, FileMark.EXECUTABLE),
        ("macros", ContentAction.HOLD, FileMark.MACROS),
        ("locked", ContentAction.HOLD, FileMark.ENCRYPTED),
        ("unreadable", ContentAction.HOLD, FileMark.UNSCANNABLE),
        ("places", ContentAction.FLAG, FileMark.LOCATION),
    )
    action, marks, known = then
    file = FileRecord(
        "transfer/1", 1, 0, "received", "", "anna@metals.example", "a", "a/b", 1, "", BlobAddress(0, bytes(32)),
        True, "message", tuple(marks.split()), tuple(known.split()), action,
    )  # fmt: skip
    facts = FileFacts(
        file.owner, "a", "a/b", 1, bytes(32), Purpose.MESSAGE,
        ContentFacts("a/b", frozenset(FileMark(mark) for mark in now.split())),
    )  # fmt: skip
    found = find_shutting(rules, file, facts)
    assert (found and (found.action.value, " ".join(found.rules))) == expected


def test_an_auditor_of_one_enterprise_looks_into_its_files_alone(
    kept: list[Kept], settings: SiteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    text = settings.path.read_text()
    for enterprise, looked in (("grain", 0), ("metals", 2)):
        auditor = {"id": "x", "name": "X", "user": getpwuid(getuid()).pw_name, "roles": ["auditor"]}
        table = "".join(f"{name} = {json.dumps(value)}\n" for name, value in auditor.items())
        listed = f'\n[[audit.auditors]]\n{table}enterprises = ["{enterprise}"]\n'
        settings.path.write_text(text + listed)
        _, found = rescan(capsys, "--report-only")
        assert (found["looked"], len(found["findings"])) == (looked, looked // 2)
