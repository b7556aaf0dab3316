"""What a changed site.toml does to a process that runs: what can change counts, the rest is named."""

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from components.process.run import Process
from components.settings.gate import GateSettings
from components.settings.reload import (
    BY_COMMANDS,
    READ_AGAIN,
    counts_at_once,
    find_waiting,
    follow_settings,
    read_changed,
)
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from components.settings.tables import TABLES
from tests.support.site_toml import write_site_toml

ROOT = Path(__file__).parents[3]


class Reloaded(Process):
    """A process that reads again when told."""

    def __init__(self, site_toml: Path) -> None:
        super().__init__("gate", site_toml)
        self.reread: list[Callable[[], None]] = []

    def on_reload(self, reread: Callable[[], None]) -> None:
        self.reread.append(reread)


@pytest.fixture
def site(tmp_path: Path) -> SiteFile:
    return SiteFile(write_site_toml(tmp_path / "site.toml"))


@pytest.fixture(autouse=True)
def logging_as_before() -> object:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def change(site: SiteFile, old: str, new: str) -> None:
    text = site.path.read_text()
    assert old in text
    site.path.write_text(text.replace(old, new, 1))


def test_the_log_level_counts_and_the_rest_is_named(
    site: SiteFile, capsys: pytest.CaptureFixture[str]
) -> None:
    process = Reloaded(site.path)
    follow_settings(process, site, GateSettings)
    assert logging.getLogger().level == logging.INFO
    change(site, "[gate]", '[gate]\nlog_level = "debug"\nhold_timeout_s = 3.0')
    change(site, "[site]", "[tiles]\nport = 8080\n[site]")
    for _ in range(2):  # it is said until the restart
        process.reread[0]()
        assert logging.getLogger().level == logging.DEBUG
        told = json.loads(capsys.readouterr().err.splitlines()[-1])
        assert told["event"] == "takes effect after a restart"
        assert told["settings"] == ["gate.hold_timeout_s", "tiles"]
    change(site, 'log_level = "debug"', 'log_level = "error"')
    process.reread[0]()
    assert logging.getLogger().level == logging.ERROR


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[gate]", '[gate]\nlog_level = "loud"', r"gate\.log_level: .*\(line \d+ of site\.toml\)"),
        ("[gate]", "[gate]\nholdtimeout = 3", r"gate\.holdtimeout: .*\(line \d+ of site\.toml\)"),
        ("[gate]", "[gate", r"is not valid TOML: .*line \d+"),
        ("[prosody]", "[prosodi]", r"prosody: is missing"),
    ],
)
def test_a_broken_file_is_told_with_its_line_and_changes_nothing(
    old: str, new: str, told: str, site: SiteFile
) -> None:
    process = Reloaded(site.path)
    follow_settings(process, site, GateSettings)
    change(site, old, new)
    with pytest.raises(SettingsError, match=told):
        process.reread[0]()
    assert logging.getLogger().level == logging.INFO
    site.path.unlink()
    with pytest.raises(SettingsError, match="no such file"):
        process.reread[0]()


def test_what_only_commands_read_waits_for_nothing(site: SiteFile) -> None:
    change(site, "[audit]", "[directory]\nmax_departures = 0.1\ncsv = []\n[audit]")
    change(site, 'index = "', 'index = "other-')
    assert list(find_waiting(site, read_changed(site))) == ["directory"]


def test_the_docs_say_of_every_setting_whether_it_counts_at_once() -> None:
    text = (ROOT / "docs/settings.md").read_text()
    section = text.split("## When a change counts\n")[1].split("\n## ")[0]
    bullets = [" ".join(bullet.split()) for bullet in section.split("\n- ")[1:]]
    signal = next(each for each in bullets if each.startswith("At SIGHUP"))
    commands = next(each for each in bullets if each.startswith("At the next command"))
    named = {f"{table.table_name}.log_level" for table in TABLES if "log_level" in table.model_fields}
    assert set(re.findall(r"`([a-z_]+\.[a-z_]+)`", signal)) == {*named, *READ_AGAIN}
    assert set(re.findall(r"`([a-z_]+\.[a-z_]+)`", commands)) == set(BY_COMMANDS)
    assert any(each.startswith("After a restart: all other settings") for each in bullets)
    documented = re.findall(r"^\| `([a-z0-9_.]+)` \|", text, re.MULTILINE)
    at_once = {each for each in documented if counts_at_once(each)}
    assert {each for each in at_once if each.endswith("log_level")} == named
    assert all(each in named or each.startswith((*BY_COMMANDS, *READ_AGAIN)) for each in at_once)
