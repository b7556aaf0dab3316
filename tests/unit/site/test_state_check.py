"""A file of a site's state that no process could go on with is named, with what to do; so is a log that is gone."""

import asyncio
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from components.archive.keys.reference import last_signed_file
from components.audit.console.state import ConsoleState
from components.roster.state import KeptState, save_state
from components.settings.site import SiteFile
from components.settings.tables import TABLES
from components.site.check import check_site
from components.site.state_check import find_damaged, find_unwritable, state_files
from components.site.validate import load_site
from components.transfer.state import UploadStore
from tests.support.site_log import record


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


async def with_states(site: Path) -> dict[str, Path]:
    """Make what the processes of a site would have left; return the files by name."""
    settings = SiteFile(site)
    assert settings.roster
    assert settings.transfer
    assert settings.console
    save_state(settings.roster.state_file, KeptState())
    settings.transfer.state_file.parent.mkdir(exist_ok=True)
    await (await UploadStore.open(settings.transfer.state_file)).close()
    assert ConsoleState.open(settings.console.state_file).use_link("n", 10, 1.0)
    files = (settings.roster.state_file, settings.transfer.state_file, settings.console.state_file)
    return {file.name: file for file in files}


@pytest.mark.parametrize("name", ["roster.state.json", "transfer.db", "console.json"])
async def test_what_no_process_would_start_with_is_named_and_left_as_it_is(site: Path, name: str) -> None:
    files = await with_states(site)
    settings, file = SiteFile(site), files[name]
    assert list(find_damaged(settings)) == []
    whole = file.read_bytes()
    for content in (whole[:1], whole[: len(whole) // 2 + 1], bytes(len(whole)), b"\xff" * len(whole)):
        file.write_bytes(content)
        (told,) = find_damaged(settings)
        assert told.startswith(str(file))
        assert "; " in told or ": " in told
        assert file.read_bytes() == content
    assert sorted(each.name for each in file.parent.iterdir()) == sorted(files)
    file.unlink()
    assert list(find_damaged(settings)) == []


async def test_a_file_of_uploads_that_was_cut_between_two_pages(site: Path) -> None:
    files = await with_states(site)
    file = files["transfer.db"]
    file.write_bytes(file.read_bytes()[:8192])
    (told,) = find_damaged(SiteFile(site))
    assert told.startswith(f"{file}: not a database, or a corrupt one; move it away: ")
    file.with_name("transfer.db-wal").touch()  # the rest may be in it: the component will see
    assert list(find_damaged(SiteFile(site))) == []
