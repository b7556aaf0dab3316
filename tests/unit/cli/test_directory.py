"""`steelyard directory`: shown, planned and applied."""

import json
from pathlib import Path

import pytest

from policy.directory.directory import parse_directory
from tests.support.command import run_command
from tests.support.fed_site import PEOPLE, make_fed_site


@pytest.fixture
def fed(tmp_path: Path) -> Path:
    return make_fed_site(tmp_path)


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_plan_shows_and_changes_nothing(fed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (fed.parent / "directory.toml").read_text()
    assert run_command("directory", "plan", "--site", fed) == 3
    assert told(capsys) == (
        "metals\n"
        "  ~ person bob@metals.example: desk base -> precious\n"
        "  - person dora@metals.example: name Dora Dean, roles auditor\n"
        "  + person ernest@metals.example: name Ernest Eden, roles auditor\n"
    )
    assert run_command("directory", "plan", "--json", "--site", fed) == 3
    document = json.loads(told(capsys))
    assert document["changes"][0] == {
        "kind": "changed",
        "enterprise": "metals",
        "what": "person",
        "name": "bob@metals.example",
        "details": {"desk": {"old": "base", "new": "precious"}},
    }
    assert (document["applied"], document["refusals"]) == (False, [])
    assert (fed.parent / "directory.toml").read_text() == before


def test_apply_does_what_plan_shows(fed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("directory", "apply", "--site", fed) == 0
    assert "~ person bob@metals.example" in told(capsys)
    assert run_command("directory", "plan", "--site", fed) == 0
    assert told(capsys) == "nothing to change\n"
    assert run_command("directory", "apply", "--json", "--site", fed) == 0
    assert json.loads(told(capsys)) == {
        "applied": False,
        "changes": [],
        "left_out": {"metals": 0},
        "refusals": [],
    }
    assert "ernest@metals.example" in parse_directory((fed.parent / "directory.toml").read_text()).people
    assert run_command("directory", "show", "--site", fed) == 0
    assert "    ernest@metals.example  Ernest Eden (auditor)\n" in told(capsys)
    assert run_command("directory", "show", "--json", "--site", fed) == 0
    grain, metals = json.loads(told(capsys))["enterprises"]
    assert (grain["id"], len(metals["people"])) == ("grain", 4)


def test_too_many_departures_have_to_be_allowed(fed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fed.parent / "people.csv").write_text("\n".join(PEOPLE.splitlines()[:3]))
    assert run_command("directory", "plan", "--site", fed) == 3
    refusal = (
        "✘ 2 of 4 people would leave metals, more than 1; if that is right, run `steelyard directory apply"
    )
    assert refusal in told(capsys)
    assert run_command("directory", "apply", "--site", fed) == 1
    assert refusal in told(capsys)
    assert run_command("directory", "apply", "--json", "--site", fed) == 1
    assert (document := json.loads(told(capsys)))["applied"] is False
    assert len(document["refusals"]) == 1
    assert run_command("directory", "apply", "--allow-departures", "2", "--site", fed) == 0


def test_what_is_wrong_is_told_a_line_each(fed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fed.parent / "people.csv").write_text(
        PEOPLE.replace("precious", "silver").replace("auditor", "auditoress")
    )
    for command in ("plan", "apply"):
        assert run_command("directory", command, "--site", fed) == 1
        assert told(capsys).splitlines() == [
            "✘ people.csv line 5: 'auditoress' is no role: choose of "
            "trader, auditor, approver, operator, chaperone, service",
            "✘ people.csv line 3, desk: this enterprise has no desk 'silver'",
            "✘ people.csv line 4, desk: this enterprise has no desk 'silver'",
        ]
    (fed.parent / "people.csv").write_text(PEOPLE.replace("precious", "silver"))
    assert run_command("directory", "apply", "--json", "--site", fed) == 1
    assert json.loads(told(capsys)) == {
        "problems": [
            "people.csv line 3, desk: this enterprise has no desk 'silver'",
            "people.csv line 4, desk: this enterprise has no desk 'silver'",
        ]
    }


def test_wrong_use_is_told_on_standard_error(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("directory", "plan", "--site", site) == 2
    assert capsys.readouterr() == (
        "",
        "steelyard: directory: is missing; add the table [directory] (docs/settings.md)\n",
    )
