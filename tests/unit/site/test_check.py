"""`steelyard check` finds what is wrong, says what to do, and changes nothing."""

import asyncio
import datetime as dt
import json
import os
import re
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.keys.log_key import write_verifier_keys
from components.archive.log.note import make_signer
from components.cli.output.check import describe_findings
from components.site.certificates import make_certificates
from components.site.check import check_site
from components.site.init import authority_key_file
from components.site.lock import hold_site
from components.site.validate import load_site
from tests.support.site_log import record
from tests.support.typed import file_of

pytestmark = pytest.mark.programs


def problems(site: Path) -> list[str]:
    return [f"{finding.name}: {finding.text}" for finding in check_site(site) if not finding.ok]


def policy_of(site: Path) -> tuple[bool, str]:
    (finding,) = [each for each in check_site(site) if each.name == "policy"]
    return finding.ok, finding.text


def test_it_says_which_rules_are_in_force(site: Path) -> None:
    text = site.read_text()
    policy = site.parent / "policy.toml"
    rules = policy.read_text()
    ok, said = policy_of(site)
    assert ok
    assert re.fullmatch(r"[1-9]\d* rules in policy\.toml, and all [1-9]\d* of their examples", said)
    policy.write_text(
        rules.replace(
            'must_not_match = ["call me",',
            "must_not_match = [\"<message><propose xmlns='urn:xmpp:jingle-message:0'/></message>\",",
        )
    )
    assert policy_of(site) == (
        False,
        f"{policy} has mistakes; run `steelyard policy check {policy}`",
    )
    site.write_text(
        "".join(line for line in text.splitlines(keepends=True) if not line.startswith("policy = "))
    )
    ok, said = policy_of(site)
    assert ok
    assert said.startswith("none: ")


def test_a_new_site_is_right_and_stays_as_it_is(site: Path) -> None:
    before = sorted(site.parent.rglob("*"))
    findings = check_site(site)
    assert [finding for finding in findings if not finding.ok] == []
    assert {finding.name for finding in findings} >= {
        "settings",
        "directory",
        "keys",
        "certificates",
        "prosody",
        "adapter",
        "disk",
        "clock",
        "running",
        "logs",
        "review",
    }
    assert sorted(site.parent.rglob("*")) == before
    described = describe_findings(findings)
    assert described["ok"] is True
    assert {
        "name": "directory",
        "ok": True,
        "text": "2 enterprises, 11 people, 2 rooms in directory.toml",
    } in described["checks"]


def open_to_others(site: Path) -> str:
    (site.parent / "keys" / "log-gate.key").chmod(0o644)
    return f"keys: others may read {site.parent}/keys/log-gate.key; run `chmod 600"


def empty_secret(site: Path) -> str:
    (site.parent / "keys" / "gate.secret").write_text("\n")
    return f"keys: {site.parent}/keys/gate.secret holds no secret"


def expired_certificate(site: Path) -> str:
    settings = load_site(site)
    (settings.prosody.certificates / "grain.example.crt").unlink()
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=900)
    make_certificates(
        settings.prosody.certificates, authority_key_file(settings), "Test", ["grain.example"], long_ago
    )
    return f"certificates: {settings.prosody.certificates}/grain.example.crt expired on"


def wrong_key_of_certificate(site: Path) -> str:
    certs = site.parent / "certs"
    (certs / "grain.example.key").write_bytes((certs / "metals.example.key").read_bytes())
    return f"certificates: {certs}/grain.example.crt and its key do not match"


def no_log(site: Path) -> str:
    (site.parent / "archive").mkdir()
    (site.parent / "archive" / "gate.db").write_text("this is no database")
    return f"logs: {site.parent}/archive/gate.db: "


def damaged_queue(site: Path) -> str:
    (site.parent / "archive").mkdir()
    (site.parent / "archive" / "review.db").write_bytes(bytes(8192))
    return f"review: {site.parent}/archive/review.db: not a database"


def wrong_settings(site: Path) -> str:
    site.write_text(site.read_text().replace("[audit]", "[audits]"))
    return "settings: audit: is missing"


def renamed_log(site: Path) -> str:
    site.write_text(site.read_text().replace('"steelyard.example/gate"', '"firm.example/gate"'))
    return f"settings: gate.log_origin: is firm.example/gate, and {site.parent}/keys/log-gate.key signs as"


@pytest.mark.parametrize(
    "spoil",
    [
        renamed_log,
        open_to_others,
        empty_secret,
        expired_certificate,
        wrong_key_of_certificate,
        no_log,
        damaged_queue,
        wrong_settings,
    ],
)
def test_what_is_wrong_is_named(site: Path, spoil: Callable[[Path], str]) -> None:
    expected = spoil(site)
    found = problems(site)
    assert any(problem.startswith(expected) for problem in found), found
    assert describe_findings(check_site(site))["ok"] is False


@pytest.mark.parametrize("with_log", [True, False])
def test_init_is_advised_only_where_it_does_it(site: Path, with_log: bool) -> None:
    """As after a restore from a backup without keys."""
    if with_log:
        asyncio.run(record(load_site(site)))
    shutil.rmtree(site.parent / "keys")
    for file in (site.parent / "certs").iterdir():
        file.unlink()
    found = problems(site)
    lost = [problem for problem in found if "put it back from a backup that holds the keys" in problem]
    init = [problem for problem in found if "`steelyard init` makes what is missing" in problem]
    assert len(lost) == (3 if with_log else 0)
    named = ("conversation.key", "log-gate.key", "auditor.pub")
    assert all(any(name in each for name in named) for each in lost)
    assert found[: len(lost)] == lost
    assert init
    assert all(("; then `steelyard init`" in problem) == with_log for problem in init)


def test_a_log_is_checked_at_its_newest_record(site: Path) -> None:
    settings = load_site(site)
    asyncio.run(record(settings))
    text = "5 records under a good checkpoint"
    assert any(text in finding.text for finding in check_site(site) if finding.name == "logs")
    with closing(sqlite3.connect(settings.gate.log)) as database, database:
        database.execute("UPDATE record SET payload = zeroblob(10) WHERE idx = 4")
    database.close()
    assert problems(site) == [
        f"logs: {settings.gate.log}: its newest record is not what was recorded; run `steelyard verify`"
    ]


def test_what_is_wrong_with_one_log_hides_nothing_of_another(site: Path) -> None:
    """As after a new version was taken back: each log that it brought up to date is named."""
    settings = load_site(site)
    for log in settings.logs:
        file = file_of(log.store)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"no database" * 500)
    found = problems(site)
    assert len(settings.logs) > 1
    for log in settings.logs:
        assert any(each.startswith(f"logs: {log.store}: ") for each in found)


def test_what_is_well_is_shown_beside_what_is_not(site: Path) -> None:
    settings = load_site(site)
    shown = [finding.text for finding in check_site(site) if finding.name == "logs" and finding.ok]
    assert len(shown) == len(settings.logs) > 1
    file = file_of(settings.logs[-1].store)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"no database" * 500)
    left = [finding for finding in check_site(site) if finding.name == "logs"]
    assert [finding.text for finding in left if finding.ok] == shown[:-1]
    assert [finding.ok for finding in left].count(False) == 1


def test_a_log_of_another_key_is_named(site: Path) -> None:
    settings = load_site(site)
    asyncio.run(record(settings))
    other = make_signer(settings.gate.log_origin, Ed25519PrivateKey.generate()).verifier_key
    write_verifier_keys(file_of(settings.gate.log_key_file).with_suffix(".pub"), [other])
    of_keys, of_log = problems(site)
    assert of_keys.startswith(f"keys: {settings.gate.log_key_file} is not the key of ")
    assert of_log.startswith(f"logs: {settings.gate.log}: ")


def test_a_clock_that_was_set_back_is_named(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(record(load_site(site)))
    behind_s = time.time() - 3600
    monkeypatch.setattr("components.site.log_check.time.time", lambda: behind_s)
    assert any("the newest record is 3600 s in the future" in problem for problem in problems(site))


def test_little_disk_space_is_named(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.site.check.FREE_SPACE_MIN_BYTES", 1 << 60)
    (problem,) = problems(site)
    assert "free some space: when the disk is full, nothing is delivered any more" in problem


def test_a_missing_server_is_named(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert problems(site) == [
        "prosody: prosody is not installed; run `apt-get install prosody` or `make setup`",
    ]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("echo Prosody 0.11.9", "prosody: Prosody 0.11.9 is too old; install 0.12 or newer"),
        ("echo Prosody trunk nightly", "prosody: `prosodyctl about` does not tell"),
        ("echo sorry; exit 1", "prosody: `prosodyctl about` does not tell Prosody's version: sorry"),
    ],
)
def test_another_server_is_named(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, problem: str
) -> None:
    for name in ("prosody", "prosodyctl"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{answer}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    (found,) = problems(site)
    assert found.startswith(problem)


def test_a_port_in_use_is_named(site: Path) -> None:
    port = load_site(site).prosody.c2s_port
    with socket.create_server(("127.0.0.1", port)):
        (problem,) = problems(site)
    assert problem.startswith(f"running: port {port} (prosody.c2s_port) is in use")


def test_a_site_that_is_up_and_does_not_answer_is_named(site: Path) -> None:
    with hold_site(site.parent):
        found = problems(site)
    parts = ("roster component", "access component", "transfer component", "indexer", "auditors' console")
    assert [problem.partition(";")[0] for problem in found if problem.startswith("running: the ")] == [
        f"running: the {part} has not told its status yet" for part in ("gate", *parts)
    ]
    silent = [problem for problem in found if not problem.startswith("running: the ")]
    assert silent[0].startswith("running: prosody does not listen on port ")
    assert all("prosody.web: " in problem and "does not answer" in problem for problem in silent[1:])
    assert len(silent) == 3


def test_the_alarms_of_a_site_that_is_up_are_named(site: Path) -> None:
    status = load_site(site).gate.status_file
    status.parent.mkdir(exist_ok=True)
    alarm = {"name": "records-missing", "times": 2, "last_at_ns": 1_795_464_245_000_000_000}
    status.write_text(json.dumps({"state": "connected", "alarms": [alarm]}))
    assert problems(site) == []  # what an earlier run left
    with hold_site(site.parent):
        found = problems(site)
    assert (
        "alarms: ALARM records-missing at 2026-11-23 20:04:05 UTC, 2 times; docs/alarms.md says what to do"
        in found
    )


def test_a_log_without_its_last_checkpoint_is_named(site: Path) -> None:
    asyncio.run(record(load_site(site)))
    (site.parent / "keys" / "log-gate.last").unlink()
    (problem,) = [problem for problem in problems(site) if problem.startswith("logs:")]
    assert (
        "log-gate.last is gone; it says how much of the log was signed; docs/backup.md, section 3" in problem
    )
