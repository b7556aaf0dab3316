"""Whatever somebody else could change or replace is told, wherever it lies."""

import grp
from pathlib import Path
from types import SimpleNamespace

import pytest

from components.site.check import check_site
from components.site.folder_check import find_open_to_change, site_folders
from components.site.validate import load_site

pytestmark = pytest.mark.programs


def problems(site: Path) -> list[str]:
    return [finding.text for finding in check_site(site) if finding.name == "folders" and not finding.ok]


@pytest.mark.parametrize("name", [".", "archive", "access", "keys", "certs", "run"])
def test_a_folder_that_everybody_may_write_to(site: Path, name: str) -> None:
    folder = (site.parent / name).resolve()
    folder.mkdir(exist_ok=True)
    assert problems(site) == []
    folder.chmod(0o777)
    assert problems(site) == [f"everybody may change {folder}; run `chmod go-w {folder}`"]


@pytest.mark.parametrize("name", ["site.toml", "directory.toml", "archive/gate.db", "keys/log-gate.pub"])
def test_a_file_that_everybody_may_write_to(site: Path, name: str) -> None:
    file = site.parent / name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    file.chmod(0o666)
    assert problems(site) == [f"everybody may change {file}; run `chmod go-w {file}`"]


def test_every_statement_of_who_is_admitted_is_looked_at(site: Path) -> None:
    notes = sorted((site.parent / "access").glob("*.note"))
    assert notes
    for note in notes:
        note.chmod(0o646)
    assert problems(site) == [f"everybody may change {note}; run `chmod go-w {note}`" for note in notes]


def test_the_owners_own_group_is_nobody_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    assert list(find_open_to_change(tmp_path)) == []


def test_another_group_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Only root could give a folder to another group; to another owner it is the same.
    owner = SimpleNamespace(pw_name="somebody-else")
    monkeypatch.setattr("components.site.folder_check.pwd.getpwuid", lambda _uid: owner)
    name = grp.getgrgid(tmp_path.stat().st_gid).gr_name
    tmp_path.chmod(0o770)
    assert list(find_open_to_change(tmp_path)) == [
        f"the group {name} may change {tmp_path}; run `chmod go-w {tmp_path}`"
    ]
    tmp_path.chmod(0o750)
    assert list(find_open_to_change(tmp_path)) == []


def test_a_folder_that_is_not_there_yet_is_no_problem(site: Path) -> None:
    assert site.parent / "archive" not in site_folders(load_site(site))


def test_a_file_that_is_gone_when_it_is_looked_at_is_no_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.site.folder_check._files_in", lambda folder: [folder / "gone.new"])
    assert not list(find_open_to_change(tmp_path))
