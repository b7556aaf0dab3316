"""Exports over two sites, and looks at one of several: each is the site's own, and what is missing is said."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.audit_sites import ALICE, BOB, LONDON, Cities, make_cities, name_sites
from tests.support.command import run_command
from tests.support.typed import file_of

pytestmark = pytest.mark.slow


@pytest.fixture
async def cities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cities:
    """A message that crossed, and one that is in London alone."""
    cities = await make_cities(tmp_path)
    await cities.send(ALICE, BOB, "copper at 9410", at_s=1)
    await cities.london.record(cities.london.say(BOB, f"carol@{LONDON}", "copper here", at_s=2))
    monkeypatch.setenv("STEELYARD_SITE", str(cities.shanghai.path))
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return cities


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    """Give the exit status and what was printed, of which errors come last."""
    capsys.readouterr()
    status = run_command("audit", *arguments)
    output, errors = capsys.readouterr()
    return status, output + errors


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    status, output = run(capsys, *arguments, "--json")
    return status, json.loads(output)


def acts_of(cities: Cities) -> list[list[str]]:
    return [[each.act for each in asyncio.run(site.accesses())] for site in (cities.shanghai, cities.london)]


def test_each_site_is_exported_to_a_folder_that_is_checked_alone(
    cities: Cities, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    status, found = run_json(capsys, "export", "copper", "-o", folder)
    assert (status, found["complete"], found["not_exported"]) == (0, True, [])
    told = {each["site"]: (each["folder"], each["matched"], each["exported"]) for each in found["sites"]}
    assert told == {"shanghai": ("shanghai", 1, 1), "london": ("london", 2, 2)}
    assert (found["messages"], found["doubles"]) == (
        len((folder / "messages.jsonl").read_text().splitlines()),
        1,
    )
    for site in told:
        assert run(capsys, "check-export", folder / site, "--at", site)[0] == 0
    # With the keys of all sites, if none are named.
    status, text = run(capsys, "check-export", folder)
    assert (status, "2 messages and other records, each once, are those of 2 sites" in text) == (0, True)
    own = cities.shanghai.settings.gate_log.verifier_key_file
    assert run(capsys, "check-export", folder, "--key", own)[0] == 1
    assert all(acts.count("export") == 1 for acts in acts_of(cities))


def test_a_site_that_is_not_exported_is_named(
    cities: Cities, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name_sites(cities.shanghai, paris=Path("/nowhere/site.toml"))
    wanted = ("export", "copper", "-o", tmp_path / "out", "--limit", "1")
    status, text = run(capsys, *wanted)
    assert (status, "paris: /nowhere/site.toml: no such file" in text, "--incomplete" in text) == (
        2,
        True,
        True,
    )
    assert not (tmp_path / "out").exists()
    status, text = run(capsys, *wanted, "--incomplete")
    assert status == 1
    assert "paris was NOT exported: /nowhere/site.toml: no such file" in text
    assert "london was NOT exported: 2 records match" in text
    assert "1 matched, each once" in text
    assert [each.name for each in (tmp_path / "out").iterdir() if each.is_dir()] == ["shanghai"]
    missing = json.loads((tmp_path / "out/manifest.json").read_text())["not_exported"]
    assert [each["site"] for each in missing] == ["paris", "london"]
    # The search of London told how much there is: it is recorded there.
    assert acts_of(cities)[1] == ["export"]


def test_an_export_that_failed_at_one_site_goes_on(
    cities: Cities, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, key = tmp_path / "out", file_of(cities.london.settings.audit_log.key_file)
    kept = key.read_bytes()
    key.unlink()
    status, text = run(capsys, "export", "copper", "-o", out)
    assert (status, "london: " in text, "go on with --resume" in text) == (2, True, True)
    key.write_bytes(kept)
    key.chmod(0o600)
    status, text = run(capsys, "export", "--resume", "-o", out)
    assert (status, "2 matched, each once, and 1 more records" in text) == (0, True), text
    assert run(capsys, "check-export", out)[0] == 0
    assert all(acts.count("export") == 1 for acts in acts_of(cities))


def test_nothing_is_exported_where_the_own_site_cannot_be_or_something_is_there(
    cities: Cities, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/note.txt").write_text("mine")
    for output, query, why in (
        (tmp_path / "full", "copper", "is there already"),
        (tmp_path / "out", "copper AND (", "copper AND ("),
    ):
        status, text = run(capsys, "export", query, "-o", output)
        assert status == 2
        assert why in text
    file_of(cities.settings.audit_log.key_file).unlink()
    status, text = run(capsys, "export", "copper", "-o", tmp_path / "out")
    assert (status, "could not be recorded" in text) == (2, True)
    assert not (tmp_path / "out").exists()


def test_one_site_is_exported_alone(
    cities: Cities, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found = run_json(capsys, "export", "copper", "-o", tmp_path / "out", "--at", "london")
    assert (status, found["matched"], found["folder"]) == (0, 2, str(tmp_path / "out"))


@pytest.mark.parametrize(
    ("look", "option"),
    [(("read", "alice", "bob"), "--at-site"), (("sample", "copper"), "--at")],
    ids=["read", "sample"],
)
def test_a_look_at_one_site_says_so(
    cities: Cities, capsys: pytest.CaptureFixture[str], look: tuple[str, ...], option: str
) -> None:
    status, text = run(capsys, *look, option, "shanghai")
    assert status == 0
    assert f"This is shanghai alone. There are other sites: {option} london." in text
    found = run_json(capsys, *look, option, "london")[1]
    assert (found["site"], found["not_covered"]) == ("london", ["shanghai"])


def test_where_there_is_one_site_nothing_is_said_of_others(
    cities: Cities, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEELYARD_SITE", str(cities.london.path))
    for look in (("read", "alice", "bob"), ("sample", "copper")):
        assert "other sites" not in run(capsys, *look)[1]
        assert "not_covered" not in run_json(capsys, *look)[1]
    assert "there is no site 'paris'" in run(capsys, "sample", "copper", "--at", "paris")[1]
