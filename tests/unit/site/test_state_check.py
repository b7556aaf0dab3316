"""A file of a site's state that no process could go on with is named, with what to do; so is a log that is gone."""

import asyncio
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from components.archive.keys.reference import last_signed_file
from components.settings.site import TABLES, SiteFile
from components.site.check import check_site
from components.site.state_check import find_unwritable, state_files
from components.site.validate import load_site
from tests.unit.site.test_check import record


def found(site: Path, name: str) -> list[str]:
    return [finding.text for finding in check_site(site) if finding.name == name and not finding.ok]


def a_folder(file: Path) -> str:
    file.mkdir()
    return f"{file} is no file; move it away, and put back the file if there was one"


def a_pipe(file: Path) -> str:
    os.mkfifo(file)
    return f"{file} is no file; move it away, and put back the file if there was one"


def a_link_to_nowhere(file: Path) -> str:
    file.symlink_to(file.parent / "gone")
    return f"{file} is a link that leads nowhere; put back what it led to, or remove it"


@pytest.mark.parametrize("make", [a_folder, a_pipe, a_link_to_nowhere])
def test_whatever_is_no_file_is_named_and_nothing_waits_for_it(
    site: Path, make: Callable[[Path], str]
) -> None:
    files = state_files(SiteFile(site))
    assert len(files) > 30
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            expected = make(file)
            assert list(find_unwritable(file)) == [expected]
            file.rmdir() if file.is_dir() else file.unlink()


@pytest.mark.programs
def test_check_names_them(site: Path) -> None:
    lock = Path(f"{SiteFile(site).gate.log}.lock")
    lock.parent.mkdir(parents=True)
    assert found(site, "state") == []
    told = a_folder(lock)
    assert found(site, "state") == [told]


def test_each_file_of_a_setting_is_looked_at(site: Path) -> None:
    """Whatever process comes next: its state is in a setting of this name, and so is looked at."""
    settings = SiteFile(site)
    files = state_files(settings)
    for table in TABLES:
        if there := settings.find(table):
            for name in type(there).model_fields:
                if name.endswith(("status_file", "state_file")):
                    assert getattr(there, name) in files
    assert last_signed_file(settings.gate.log_key_file) in files


def test_another_users_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `sudo steelyard audit search`; root itself may do all, so the answer is played."""
    file = tmp_path / "audit.db"
    file.touch()
    assert list(find_unwritable(file)) == []
    asked: list[int] = []

    def refuse(_file: Path, how: int) -> bool:
        asked.append(how)
        return False

    monkeypatch.setattr(os, "access", refuse)
    assert list(find_unwritable(file)) == [
        f"{file} cannot be read and written by this user; run `chown` on it, for the user of the site"
    ]
    assert asked == [os.R_OK | os.W_OK]


@pytest.mark.programs
def test_a_log_that_is_gone_is_not_one_that_has_yet_to_begin(site: Path) -> None:
    settings = load_site(site)
    assert found(site, "logs") == []
    asyncio.run(record(settings))
    for file in site.parent.joinpath("archive").glob("gate.db*"):
        file.unlink()
    (told,) = found(site, "logs")
    assert re.fullmatch(
        f"{site.parent}/archive/gate.db is gone: it is an older state: [0-9]+ records were signed, and it has 0 of "
        "them; docs/backup.md, section 3, says what to do",
        told,
    )
