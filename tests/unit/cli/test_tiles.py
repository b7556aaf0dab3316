"""`steelyard archive tiles`: all logs of a site, or those that are named."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from components.archive.keys import load_verifier_key
from components.archive.log.checkpoint import verify_checkpoint
from tests.support.audit_site import Site, make_site
from tests.support.command import run_command

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"


@pytest.fixture
async def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = await make_site(tmp_path)
    await site.record(*(site.say(ALICE, BOB, f"copper {number}") for number in range(300)))
    monkeypatch.setenv("STEELYARD_SITE", str(site.path))
    return site


def run(*arguments: object) -> int:
    return run_command("archive", "tiles", *arguments)


def test_every_log_that_there_is(said: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "tiles"
    assert run(target) == 0
    note = (target / "gate/checkpoint").read_text()
    size = verify_checkpoint(note, load_verifier_key(said.settings.gate_log.verifier_key_file)).size
    output = capsys.readouterr().out
    assert output == f"{target / 'gate'}: the tree of {size:,} records; 5 files written\n"
    assert not (target / "audit").exists()  # nobody has looked yet
    assert run(target, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"gate": {"size": size, "files": 0}}


@pytest.mark.slow
def test_the_verifier_goes_with_it_and_needs_nothing_of_ours(said: Site, tmp_path: Path) -> None:
    target = tmp_path / "tiles"
    assert run(target) == 0
    key = said.settings.gate_log.verifier_key_file
    command = [sys.executable, "-I", "verify.py", "--from-dir", "gate", "--key", str(key), "--json"]
    done = subprocess.run(command, cwd=target, capture_output=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (0, True)
    tile = target / "gate/tile/0/000"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    assert subprocess.run(command, cwd=target, capture_output=True, check=False).returncode == 1


def test_a_log_that_is_not_there(said: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "tiles", "--log", "gates") == 2
    assert capsys.readouterr().err == "steelyard: there is no log 'gates': name gate or audit\n"
    assert run(tmp_path / "tiles", "--log", "audit") == 2


def test_a_folder_that_is_a_file(said: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tiles").write_text("")
    assert run(tmp_path / "tiles") == 2
    assert "tiles" in capsys.readouterr().err
