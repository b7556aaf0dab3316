"""The auditors' commands as they are typed."""

import asyncio
import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from components.archive.log.proof import parse_proof
from components.audit.indexed import catch_up_all, open_indexed, open_site_index
from components.process.progress import ignore_progress
from components.settings.site import SiteFile
from tests.support.audit_site import REFUSAL, Site, make_site
from tests.support.command import run_command
from tests.support.typed import file_of

pytestmark = pytest.mark.slow

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
# Each takes a while to import, and has no part in most searches; nor has what begins so. The last is a file, in which
# packages say that they are plugins: to look through all that are installed takes as long as to check the settings.
NOT_FOR_A_SEARCH = (
    "PIL", "rapidfuzz", "rich.progress", "aiohttp", "asyncpg", "jinja2", "slixmpp", "fpdf", "obstore", "pyrage",
    "components.archive.blobs", "components.audit.console", "components.audit.conversation", "components.audit.export",
    "components.audit.grant", "components.audit.matter", "components.audit.reading.read", "components.audit.review",
    "components.audit.saved", "components.audit.sites", "components.audit.tally", "components.cli.archive",
    "components.cli.review", "components.cli.site", "components.gate", "components.site",
    "lark", "http", "urllib.request", "components.audit.around", "components.audit.query.grammar",
    "components.settings.tables", "policy.directory", "policy.reach", "policy.review", "difflib", "idna",
    "components.archive.grant", "components.audit.query.pattern", "entry_points.txt",
)  # fmt: skip
# Nor have these, where the index is up to date, as the indexer keeps it.
NOT_WHERE_NOTHING_IS_NEW = (
    "components.audit.index.context", "components.audit.index.forget", "components.audit.index.row_readers",
    "components.audit.index.rows", "components.audit.index.schema", "components.archive.orders.contents",
    "components.audit.index.people", "policy.files.carried", "policy.files.slot", "re2",
)  # fmt: skip
# On the demonstration, 173 of ours and 620 in all, where there were 222 and 734: each takes half a millisecond.
MOST_OF_OURS, MOST_MODULES = 175, 660
SEARCH_AND_TELL = """
import sys
read = set()
sys.addaudithook(lambda event, given: event == "open" and read.add(str(given[0]).rpartition("/")[2]))
from components.cli.app import run
status = run(["audit", "search", "copper"])
print(status, *sys.modules, *read & {"entry_points.txt"}, file=sys.stderr)
"""
EVIL = "copper\x9b2J &#x202e;[red]9,123"


@pytest.fixture
async def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = await make_site(tmp_path)
    await site.record(
        site.say(ALICE, BOB, "Selling copper"),
        site.say(
            ALICE,
            "eve@grain.example",
            "copper?",
            action="refuse",
            rules=("recipient-outside",),
            error=REFUSAL,
        ),
        site.say(BOB, ALICE, EVIL),
        site.submit(b"<message>\xff cut"),
    )
    monkeypatch.setenv("STEELYARD_SITE", str(site.path))
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return site


def test_search_prints_a_conversation(said: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("audit", "search", "copper") == 0
    output, errors = capsys.readouterr()
    lines = [line.rstrip() for line in output.splitlines()]
    assert errors == ""
    assert lines[:3] == [
        "2026-11-23 20:04:05  gate/1  released  unknown",
        f"{ALICE} → {BOB}",
        "Selling copper",
    ]
    assert re.search(r"  refused.*\nalice@metals.example/desk → eve@grain.example\n", output)
    assert "recipient-outside: Write to people of your own firm." in output
    assert (
        "3 of 4 records match. The log gate has 6 entries. Times are in UTC. This search is record audit/1."
        in lines[-1]
    )


def imported_by_a_search() -> list[str]:
    command = [sys.executable, "-c", SEARCH_AND_TELL]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    status, *modules = done.stderr.split()
    assert (status, "3 of 4 records match" in done.stdout) == ("0", True)
    assert "components.audit.search" in modules
    return modules


def among(modules: list[str], unwanted: tuple[str, ...]) -> list[str]:
    return [name for name in modules if f"{name}.".startswith(tuple(f"{each}." for each in unwanted))]


async def bring_up_to_date(settings: SiteFile) -> None:
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_all(settings, index, logs, ignore_progress)


def test_a_search_imports_what_it_needs_and_no_more(said: Site) -> None:
    modules = imported_by_a_search()
    assert among(modules, NOT_FOR_A_SEARCH) == []
    assert "components.audit.index.rows" in modules
    asyncio.run(bring_up_to_date(said.settings))
    modules = imported_by_a_search()
    assert among(modules, (*NOT_FOR_A_SEARCH, *NOT_WHERE_NOTHING_IS_NEW)) == []
    assert len(among(modules, ("components", "policy"))) <= MOST_OF_OURS
    assert len(modules) <= MOST_MODULES


def test_output_is_safe_for_a_terminal(
    said: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    for command in (
        ("search", "*"),
        ("show", "gate/3"),
        ("show", "gate/3", "--json"),
        ("search", "*", "--json"),
    ):
        assert run_command("audit", *command) == 0
        output = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", output)
        assert "[red]9,123" in output


def test_search_prints_json(said: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("audit", "search", "copper", "from:bob", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    (record,) = found.pop("records")
    assert found == {
        "query": '"copper" AND from:"bob"',
        "matched": 1,
        "submissions": 4,
        "log_size": 6,
        "unreadable": 0,
        "not_opened": 0,
        "files_unread": 0,
        "files_unheard": 0,
        "result_digest": sha256(b"gate/3\n").hexdigest(),
        "next_before": "",
        "widened": [],
        "examined": 0,
        "is_cut": False,
        "access": "audit/1",
    }
    assert record == {
        "id": "gate/3",
        "record": "submission",
        "at": "2026-11-23T20:04:05.000000Z",
        "at_ns": 1_795_464_245_000_000_000,
        "intact": True,
        "destroyed": False,
        "missing": False,
        "readable": True,
        "kind": "message",
        "way": "c2s",
        "session": "c7",
        "epoch": "e1",
        "seq": 2,
        "from": BOB,
        "to": ALICE,
        "thread": "",
        "verdict": "release",
        "rules": [],
        "policy": "",
        "error": None,
        "delivery": "unknown",
        "text": "copper\x9b2J \u202e[red]9,123",
    }


def test_search_takes_a_query_in_one_piece_or_in_many(said: Site, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["copper from:alice"],
        ["copper", "from:alice"],
        ["from:alice", "-selling", "--limit", "1"],
    ):
        assert run_command("audit", "search", "--json", *arguments) == 0
    assert run_command("audit", "search", "--json", "-from:alice") == 0
    outputs = capsys.readouterr().out.replace("}\n{", "}\n\x00{").split("\x00")
    assert [json.loads(output)["matched"] for output in outputs] == [2, 2, 1, 2]


def test_show_prints_everything(said: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("audit", "show", "gate/2") == 0
    output = capsys.readouterr().out
    for expected in (
        r"id +gate/2\b",
        r"from +alice@metals.example/desk\b",
        r"verdict +refuse\b",
        r"rules +recipient-outside\b",
        r"told +not-allowed \(cancel\): Write to people of your own firm\.",
        r"\n  <body>copper\?</body>\n",
        r"leaf hash +[0-9a-f]{64}",
        r"checkpoint +metals.example/gate",
        r"Proved: the tree under the signed checkpoint holds this record.",
        r"This look is record audit/1\.",
    ):
        assert re.search(expected, output), expected


async def test_show_lists_the_files_of_a_stanza(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = await make_site(tmp_path)
    body = (
        f"<message from='{ALICE}' to='{BOB}'><data xmlns='urn:xmpp:bob' cid='a@bob.xmpp.org' type='image/png'>AAAA"
        "</data><x xmlns='jabber:x:oob'><url>https://files.metals.example/f/T/a%1Bb.pdf</url></x></message>"
    )
    await site.record(site.submit(body.encode()))
    digest = sha256(bytes(3)).hexdigest()
    arguments = ("audit", "show", "gate/1", "--site", str(site.path))
    assert await asyncio.to_thread(run_command, *arguments) == 0
    output = capsys.readouterr().out
    assert re.search(
        rf"\ngate/1\.1 bits-of-binary +a@bob\.xmpp\.org, image/png, 3 bytes, SHA-256\s+{digest}", output
    )
    assert re.search(r"\ngate/1\.2 link +ab\.pdf, application/octet-stream,\s+https://files", output)
    assert await asyncio.to_thread(run_command, *arguments, "--json") == 0
    inside, elsewhere = json.loads(capsys.readouterr().out)["carried"]
    assert inside == {
        "id": "gate/1.1",
        "carrier": "bits-of-binary",
        "name": "a@bob.xmpp.org",
        "media_type": "image/png",
        "size_bytes": 3,
        "sha256": digest,
        "is_inside": True,
        "url": None,
        "description": None,
    }
    assert (elsewhere["name"], elsewhere["is_inside"], elsewhere["sha256"]) == ("ab.pdf", False, None)


def test_show_writes_exactly_the_bytes(said: Site, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run_command("audit", "show", "gate/4", "--raw") == 0
    assert capfdbinary.readouterr().out == b"<message>\xff cut"


def test_show_prints_json(said: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("audit", "show", "gate/2", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["error"] == {"type": "cancel", "condition": "not-allowed", "text": REFUSAL.text}
    assert shown["stanza"].startswith("<message xmlns='jabber:client'")
    assert shown["proof"]["proved"] is True
    assert shown["proof"]["tree_size"] == 6
    assert len(shown["proof"]["hashes"]) == 3
    assert run_command("audit", "show", "gate/4", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["stanza"] is None
    assert shown["stanza_base64"] == "PG1lc3NhZ2U+/yBjdXQ="


def test_what_is_not_proved_ends_with_status_1(said: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("audit", "search", "copper") == 0
    assert "altered since it was recorded" not in capsys.readouterr().out
    with closing(sqlite3.connect(said.settings.gate_log.store)) as database, database:
        database.execute("UPDATE record SET payload = CAST(payload || x'00' AS BLOB) WHERE idx = 1")
    database.close()
    assert run_command("audit", "show", "gate/1") == 1
    assert "NOT PROVED" in capsys.readouterr().out
    assert run_command("audit", "search", "copper") == 0
    assert "altered since it was recorded" in capsys.readouterr().out
    said.settings.audit.index.unlink()  # what is sealed and altered before it was indexed has no words, but is found
    assert run_command("audit", "search", "kind:other") == 0
    assert "gate/1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("search", "copper AND"), "  copper AND\n            ^\nsomething to search for must follow AND\n"),
        (("show", "gate/99"), "steelyard: there is no record gate/99: the last is gate/5\n"),
        (
            ("show", "copper"),
            "steelyard: 'copper' is no record's id: one looks like gate/100042 or audit/7\n",
        ),
        (("search", "x", "--site", "nowhere.toml"), "steelyard: nowhere.toml: no such file or directory;"),
    ],
)
def test_an_error_says_what_to_do(
    said: Site, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert run_command("audit", *arguments) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith(message)


def test_a_look_that_cannot_be_recorded_shows_nothing(said: Site, capsys: pytest.CaptureFixture[str]) -> None:
    file_of(said.settings.audit_log.key_file).unlink()
    for command in (("search", "copper"), ("show", "gate/1"), ("show", "gate/1", "--raw")):
        assert run_command("audit", *command) == 2
        output, errors = capsys.readouterr()
        assert output == ""
        assert errors.startswith("steelyard: nothing is shown")


def test_verify_checks_every_log(said: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("verify") == 0
    output = capsys.readouterr().out
    assert "gate: 6 records, all verified" in output
    assert "audit: there is no log yet" in output
    assert run_command("audit", "search", "copper") == 0
    capsys.readouterr()
    assert run_command("verify", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    assert {name: log["size"] for name, log in report["logs"].items()} == {"gate": 6, "audit": 3}


@pytest.mark.parametrize("log", ["gate", "audit"])
def test_verify_names_an_altered_record(said: Site, capsys: pytest.CaptureFixture[str], log: str) -> None:
    for _ in range(3):
        assert run_command("audit", "search", "copper") == 0
    with (
        closing(sqlite3.connect(file_of(said.settings.gate_log.store).with_name(f"{log}.db"))) as database,
        database,
    ):
        database.execute("UPDATE record SET payload = payload || 'x' WHERE idx = 2")
    database.close()
    capsys.readouterr()
    assert run_command("verify") == 1
    assert f"{log}/2: " in capsys.readouterr().out
    assert run_command("verify", "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert report["logs"][log]["ok"] is False
    assert report["logs"][log]["problems"][0]["index"] == 2


@pytest.mark.parametrize("name", ["gate.db", "log-gate.key"])
def test_verify_tells_what_is_missing(said: Site, capsys: pytest.CaptureFixture[str], name: str) -> None:
    missing = said.settings.gate_log.store if name == "gate.db" else said.settings.gate_log.verifier_key_file
    file_of(missing).unlink()
    assert run_command("verify") == 2
    assert capsys.readouterr().err.startswith("steelyard: ")


def test_a_proof_is_written_to_a_file(said: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "offer.tlog-proof"
    assert run_command("audit", "proof", "gate/3", "-o", file) == 0
    assert capsys.readouterr().out.startswith(f"{file}: proves gate/3; this look is record audit/")
    assert parse_proof(file.read_text()).index == 3
    assert run_command("audit", "proof", "gate/3") == 0
    assert parse_proof(capsys.readouterr().out).index == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"audit: is missing; add the table \[audit\]"),
        (
            "[audit]\nlog = 'audit.db'",
            r"audit\.log_origin: is missing.*\nsteelyard: audit\.log_key_file: is missing",
        ),
        ("[gate", r"is not valid TOML"),
        ("\udcff", r"is not valid TOML"),
        (None, r"site\.toml: no such file or directory; name the site's file with --site"),
    ],
)
def test_wrong_settings_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, message: str
) -> None:
    path = tmp_path / "site.toml"
    if text is not None:
        path.write_bytes(text.encode(errors="surrogateescape"))
    assert run_command("audit", "search", "copper", "--site", str(path)) == 2
    assert re.search(rf"^steelyard: .*{message}", capsys.readouterr().err, re.MULTILINE)


def test_a_record_that_is_gone_without_an_order_is_missing_not_destroyed(
    said: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(said.settings.gate_log.store)) as db, db:
        db.execute("UPDATE record SET payload = NULL WHERE idx = 2")
    assert run_command("audit", "show", "gate/2") == 1
    shown = capsys.readouterr().out
    assert "\nMissing\n" in shown
    assert "NOT PROVED: the record is missing" in shown
    assert run_command("audit", "reconcile") == 1
    assert "missing except for their leaves, and destroyed by no order: 2" in capsys.readouterr().out
    assert run_command("audit", "search", "nothing at all") == 0
    assert "1 record cannot be read" in " ".join(capsys.readouterr().out.split())
