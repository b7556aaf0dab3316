"""`steelyard audit activity`: who sees what of whom, and never what was said."""

from pathlib import Path

import pytest

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


def test_who_sees_whose_activity(shell: Shell) -> None:
    for user in ("erin", "greta", "lena"):
        shell.become(user)
        shell.run("search", "gallium")
    assert actors(shell, "erin") == ["erin"]
    assert actors(shell, "greta") == ["greta"]
    assert {"erin", "greta", "lena"} <= set(actors(shell, "otto"))
    assert {"erin", "greta", "lena"} <= set(actors(shell, "lena"))


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
