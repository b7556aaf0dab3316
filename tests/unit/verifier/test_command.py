"""The command says what it verified, and its status says whether it did."""

import json
from pathlib import Path

import pytest

from components.verifier.verify import main
from tests.support.archive import (
    ORIGIN,
    VKEY,
    tamper,
)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    (tmp_path / "log-gate.pub").write_text(VKEY + "\n")
    return tmp_path / "log-gate.pub"


def test_the_command_says_what_it_verified(
    log: Path, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(log), "--key", str(key_file)]) == 0
    output = capsys.readouterr().out
    assert "600 records" in output
    assert "600 VALID" in output
    assert "agrees with 7 checkpoints" in output
    assert ORIGIN in output


def test_the_command_names_problems(log: Path, key_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tamper(
        log, "UPDATE record SET payload = flip(payload, 0) WHERE idx = 9", "DELETE FROM record WHERE idx = 12"
    )
    assert main([str(log), "--key", str(key_file)]) == 1
    output = capsys.readouterr().out
    assert "payload-altered: record 9: " in output
    assert "record-missing: record 12: records 12 to 12 are missing" in output
    assert main([str(log), "--key", str(key_file), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert [problem["index"] for problem in report["problems"]] == [9, 12]
    assert report["states"] == {"VALID": 598, "HELD": 0, "SHREDDED": 0, "MISSING": 1, "FORGED": 1}
    assert [(each["state"], each["first"], each["count"]) for each in report["ranges"]] == [
        ("FORGED", 9, 1),
        ("MISSING", 12, 1),
    ]


def test_the_command_called_wrongly(log: Path, key_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(log), "--key", str(log)]) == 2
    assert main([str(log), "--key", str(key_file) + ".none"]) == 2
    assert main([str(log) + ".none", "--key", str(key_file)]) == 2
    assert main([str(log), "--key", str(key_file), "--checkpoint", str(log)]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 4
    with pytest.raises(SystemExit) as error:
        main([str(log)])
    assert error.value.code == 2
