"""`steelyard run` becomes one process of the site, and needs no more than that one does."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.site import run
from components.site.lock import LOCK_FILE, hold_site
from components.site.parts import running_parts
from components.site.run import find_command, run_component
from tests.support.command import run_command
from tests.support.site_toml import write_site_toml

Became = list[tuple[Sequence[str], Mapping[str, str]]]


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> Iterator[Became]:
    calls: Became = []
    monkeypatch.setattr(run, "_become", lambda command, environment: calls.append((command, environment)))
    yield calls
    # The site is shared until the process ends that this one became; this one goes on.
    for each in Path("/proc/self/fd").iterdir():
        if each.is_symlink() and each.readlink().name.startswith(LOCK_FILE):
            os.close(int(each.name))


def test_a_process_is_run_with_nothing_of_the_others(tmp_path: Path, became: Became) -> None:
    site = write_site_toml(tmp_path / "site.toml")
    run_component(site, "gate")
    ((command, environment),) = became
    assert command == (sys.executable, "-P", "-m", "components.gate", str(site))
    assert environment == os.environ
    # Its log's folder is there, and only this user and the group can look into it.
    assert (tmp_path / "archive").stat().st_mode & 0o007 == 0
    assert {each.name for each in tmp_path.iterdir()} == {"site.toml", "archive", "up.lock"}


def test_every_process_of_a_site_can_be_run(tmp_path: Path, became: Became) -> None:
    more = '[tiles]\nport = 1\n[indexer]\nstatus_file = "run/indexer.json"\n'
    more += '[witness]\nname = "w"\nkey_file = "k"\nstate = "w"\nstatus_file = "run/w.json"\n'
    site = write_site_toml(tmp_path / "site.toml", more)
    parts = running_parts(SiteFile(site))
    assert len(parts) == 4
    for part in parts:
        run_component(site, part.name)
        assert became[-1][0][3] == part.module


def test_one_that_is_not_there_is_told_with_those_that_are(tmp_path: Path, became: Became) -> None:
    site = write_site_toml(tmp_path / "site.toml", "[tiles]\nport = 1\n")
    with pytest.raises(SiteError, match=r"has no process gates; it has gate, prosody, tiles$"):
        run_component(site, "gates")
    assert became == []


def test_a_machine_of_auditors_has_no_server(tmp_path: Path) -> None:
    more = '[follow]\nurl = "https://feed.example"\nauthority = "ca.crt"\ncertificate = "m.crt"\n'
    more += 'status_file = "run/follow.json"\n'
    site = SiteFile(write_site_toml(tmp_path / "site.toml", more))
    for name in ("prosody", "gate"):
        with pytest.raises(SiteError, match=f"has no process {name}; it has follow$"):
            find_command(site, name)


@pytest.mark.slow
def test_nothing_runs_beside_an_up(tmp_path: Path, became: Became) -> None:
    site = write_site_toml(tmp_path / "site.toml")
    with hold_site(tmp_path), pytest.raises(SiteError, match="is up already"):
        run_component(site, "gate")
    assert became == []


def test_the_server_is_run_with_the_configuration_of_today(
    site: Path, became: Became, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "find_prosody", lambda: "/usr/bin/prosody")
    assert run_command("run", "prosody", "--site", str(site)) == 0
    ((command, environment),) = became
    config = site.parent / "prosody" / "prosody.cfg.lua"
    assert command == ("/usr/bin/prosody", "-F", "--config", str(config))
    assert config.stat().st_mode & 0o077 == 0
    assert environment["GLIBC_TUNABLES"] == "glibc.malloc.hugetlb=1"
