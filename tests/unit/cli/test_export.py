"""`steelyard audit export` as it is typed."""

import asyncio
import json
from pathlib import Path

import pytest

from components.verifier.verify import main
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
