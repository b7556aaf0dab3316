"""`steelyard audit activity`: who sees what of whom, and never what was said."""

from pathlib import Path

import pytest

from components.archive.keys import create_log_key, create_recipient_key
from tests.support.auditors import become, make_audited_site
from tests.unit.cli.test_matter import ALICE, BOB, Shell


@pytest.fixture
async def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    site = await make_audited_site(tmp_path)
    await site.record(site.say(ALICE, BOB, "buy the gallium"))
    monkeypatch.setenv("STEELYARD_SITE", str(site.path))
    return Shell(site, lambda user: become(monkeypatch, user), capsys)


def actors(shell: Shell, user: str) -> list[str]:
    shell.become(user)
    return [each["actor"] for each in shell.ask("activity")["auditors"]]


@pytest.mark.slow
def test_who_sees_whose_activity(shell: Shell) -> None:
    for user in ("erin", "greta", "lena"):
        shell.become(user)
        shell.run("search", "gallium")
    assert actors(shell, "erin") == ["erin"]
    assert actors(shell, "greta") == ["greta"]
    assert {"erin", "greta", "lena"} <= set(actors(shell, "otto"))
    assert {"erin", "greta", "lena"} <= set(actors(shell, "lena"))


@pytest.mark.slow
def test_looks_of_auditors_machines_are_in_it_and_what_does_not_open_is_named(shell: Shell) -> None:
    """Whoever works elsewhere, and seals the records of it to themselves, is found out."""
    folder, text = shell.site.path.parent, shell.site.path.read_text()
    for name in ("there", "alone"):
        create_log_key(folder / f"keys/log-{name}.key", f"metals.example/{name}")
        mine = text.replace("archive/audit.db", f"archive/{name}.db").replace(
            "log-audit.key", f"log-{name}.key"
        )
        mine = mine.replace("metals.example/audit", f"metals.example/{name}")
        mine = mine.replace("archive/index.db", f"archive/index-{name}.db")
        if name == "alone":
            create_recipient_key(folder / "keys/own.key", "own")
            mine = mine.replace("keys/auditor.pub", "keys/own.pub").replace(
                '["keys/auditor.key"]', '["keys/auditor.key", "keys/own.key"]'
            )
        (folder / f"{name}.toml").write_text(mine)
        text += f'\n[[audit.others]]\nlog = "archive/{name}.db"\nlog_origin = "metals.example/{name}"\n'
        text += f'verifier_key = "keys/log-{name}.pub"\n'
    shell.site.path.write_text(text)
    shell.become("otto")
    # None of them has done anything yet, which looks like a log that was taken away.
    assert shell.ask("activity")["unread"] == ["there", "alone"]
    shell.become("erin")
    for name in ("there", "alone"):
        shell.run("search", "gallium", "--site", folder / f"{name}.toml")
    shell.become("otto")
    told = shell.ask("activity", "--actor", "erin")
    (erin,) = told["auditors"]
    assert erin["totals"]["searches"] == 1
    assert told["unread"] == ["alone"]
    assert "1 cannot be read here" in shell.run("activity")
    (again,) = shell.ask("replay", "--actor", "erin")["searches"]
    assert (again["id"].partition("/")[0], again["outcome"]) == ("there", "same")
    shell.become("erin")
    assert shell.ask("activity")["unread"] == []


def test_a_report_has_queries_and_no_contents(shell: Shell) -> None:
    shell.become("erin")
    shell.run("search", "gallium from:alice")
    shell.become("otto")
    told = shell.run("activity", "--actor", "erin", "--zone", "Europe/London")
    assert "a person, without a matter" in told
    assert "buy the" not in told
    assert max(map(len, told.splitlines())) <= 80
    assert "is no time zone" in shell.run("activity", "--zone", "Mars/Phobos", status=2)
    assert shell.ask("activity", "--before", "2020-01-01")["auditors"] == []
