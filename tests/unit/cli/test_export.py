"""`steelyard audit export` as it is typed."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from components.settings.history import HistorySettings
from components.verifier.verify import main
from tests.support.audit_site import make_site
from tests.support.command import run_command
from tests.support.export_site import HOSTILE, Said, make_scene

pytestmark = pytest.mark.slow


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Said:
    said = asyncio.run(make_scene(tmp_path))
    monkeypatch.setenv("STEELYARD_SITE", str(said.site.path))
    monkeypatch.chdir(tmp_path)
    return said


def test_it_says_what_it_wrote_and_how_to_check_it(said: Said, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("audit", "export", "*", "--format", "xep0227", "-o", "out") == 0
    output = capsys.readouterr().out
    matched = said.first_hostile + len(HOSTILE)
    assert f"{matched} matched = {matched - 4} exported + 4 not carried by this format" in output
    assert "export FOLDER --key log-gate.pub --key log-audit.pub" in output
    assert "This look is record audit/" in output
    keys = [str(path) for name in ("gate", "audit") for path in ("--key", f"keys/log-{name}.pub")]
    assert main(["export", "out", *keys]) == 0
    assert "All of it verified." in capsys.readouterr().out
    assert main(["export", "out", *keys, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    Path("out/README.txt").write_text("altered")
    assert main(["export", "out", *keys]) == 1
    assert "file-altered: README.txt" in capsys.readouterr().out
    assert main(["export", "none", *keys]) == 2
    assert main(["export", "out", "--key", "none.pub"]) == 2


def test_it_names_the_keys_of_all_logs_that_it_has_records_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = {"log": "archive/history.db", "log_origin": "made-up", "log_key_file": "keys/log-history.key"}
    site = asyncio.run(make_site(tmp_path, history=own))
    log = site.settings.require(HistorySettings).log_settings(tmp_path)
    asyncio.run(site.record(site.say("alice@metals.example/desk", "bob@metals.example", "copper")))
    asyncio.run(site.record_in(log, site.say("carol@metals.example/desk", "bob@metals.example", "tin")))
    monkeypatch.setenv("STEELYARD_SITE", str(site.path))
    monkeypatch.chdir(tmp_path)
    for query, logs in {"copper": "gate audit", "tin": "gate history audit"}.items():
        assert run_command("audit", "export", query, "-o", f"out {logs}") == 0
        told = " ".join(capsys.readouterr().out.split())
        named = re.search(r"python verify\.py export FOLDER((?: --key log-\w+\.pub)+)", told)
        assert named and set(re.findall(r"log-(\w+)\.pub", named[1])) == set(logs.split())
        readme = Path(f"out {logs}/README.txt").read_text()
        assert f"    python verify.py export .{named[1]}\n" in readme
        keys = [part.replace("log-", "keys/log-") for part in named[1].split()]
        assert main(["export", f"out {logs}", *keys]) == 0


def test_it_is_one_object_of_json(said: Said, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("audit", "export", "copper", "from:alice", "-o", "out", "--json") == 0
    described = json.loads(capsys.readouterr().out)
    assert described == {
        "folder": "out",
        "format": "jsonl",
        "matched": 3,
        "exported": 3,
        "left_out": {},
        "files": 7,
        "access": described["access"],
        "completed": described["completed"],
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-o", "out"], "name a query to export, or --resume without one"),
        (["copper", "--resume", "-o", "out"], "name a query to export, or --resume without one"),
        (["--resume", "-o", "out"], "there is no export to go on with"),
        (["copper", "--format", "docx", "-o", "out"], "no format of exports"),
        (["copper", "--zone", "Nowhere", "-o", "out"], "no time zone"),
        (["copper", "--limit", "1", "-o", "out"], "--limit allows 1"),
        (["copper", "-o", "keys"], "nothing is overwritten"),
        (["copper AND", "-o", "out"], "must follow AND"),
    ],
)
def test_what_is_wrong_is_said(
    arguments: list[str], told: str, said: Said, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said
    assert run_command("audit", "export", *arguments) == 2
    output, errors = capsys.readouterr()
    assert output == "" and told in errors
    assert not Path("out").exists()
