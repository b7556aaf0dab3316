"""The roster component of a site: its settings, its server's configuration, and what is seen of it from outside."""

import json
import os
import re
import time
from pathlib import Path

import pytest

from components.settings.roster import RosterSettings
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from components.site.check import check_site
from components.site.lock import hold_site
from components.site.probe import StatusProbe, find_fault
from components.site.server import write_config
from components.site.up import process_specs
from components.site.validate import load_site
from tests.support.site import part_of


def change(file: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, file.read_text(), flags=re.MULTILINE)
    assert count == 1
    file.write_text(text)


def without(site: Path) -> Path:
    change(site, r"^\[roster\][\s\S]*?(?=^\[)", "")
    return site


def test_it_reads_its_own_table(site: Path) -> None:
    settings = SiteFile(site).require(RosterSettings)
    assert (settings.jid, settings.requests_per_s, settings.requests_at_once) == (
        "roster.steelyard.example",
        200,
        2,
    )
    assert settings.log == site.parent / "archive" / "roster.db"
    with pytest.raises(SettingsError, match="roster: is missing"):
        SiteFile(without(site)).require(RosterSettings)


@pytest.mark.programs
def test_it_is_a_process_that_stops_after_the_gate(site: Path) -> None:
    names = [spec.name for spec in process_specs(load_site(site), site)]
    assert names[:2] == ["prosody", "gate"]
    assert "roster" in names[2:]
    assert "roster" not in [spec.name for spec in process_specs(load_site(without(site)), site)]


def test_the_server_lets_it_keep_rosters_and_nobody_else(site: Path) -> None:
    config = write_config(load_site(site)).read_text()
    secret = (site.parent / "keys" / "roster.secret").read_text().strip()
    assert "privileged_entities = { ['roster.steelyard.example'] = { roster = 'both' } }" in config
    assert f"Component 'roster.steelyard.example'\n  component_secret = '{secret}'" in config
    assert "managed_rosters" not in write_config(load_site(without(site))).read_text()


@pytest.mark.parametrize(
    ("pattern", "replacement", "problem"),
    [
        (
            r'^jid = "roster.*',
            'jid = "other.example"',
            r"roster\.jid: other\.example is not the roster of directory",
        ),
        (
            r'^jid = "roster.*',
            'jid = "gate.steelyard.example"',
            r"roster\.jid: gate\.steelyard\.example is also gate",
        ),
        (
            r'^log = "archive/roster.*',
            'log = "archive/gate.db"',
            r"roster\.log: .* is also gate\.log; each log needs",
        ),
        (
            r"^secret_file = .keys/roster.*",
            'secret_file = "no"',
            r"roster\.secret_file: there is no .*/no; `steelyard",
        ),
        (r"^state_file = .*roster.*", "", r"roster\.state_file: is missing"),
        (
            r"^state_file = .*roster.*",
            'state_file = "s"\nrequests_per_s = 0',
            r"roster\.requests_per_s: .*greater than 0",
        ),
    ],
)
def test_a_fault_is_told_by_its_path(site: Path, pattern: str, replacement: str, problem: str) -> None:
    change(site, pattern, replacement)
    with pytest.raises(SettingsError) as caught:
        load_site(site)
    assert any(re.match(problem, each) for each in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("status", "age_s", "fault"),
    [
        ({"state": "connected", "problems": []}, 0, ""),
        ({"state": "disconnected", "problems": []}, 0, "is disconnected from the server"),
        (
            {"state": "refused", "problems": []},
            0,
            "may not keep rosters; install the package prosody-modules",
        ),
        (
            {"state": "connected", "problems": ["directory.toml: gate"]},
            0,
            "does not take all of the rules: dir",
        ),
        ({"state": "connected", "problems": []}, 60, "has been silent for 60 s"),
        ({"state": "connected", "problems": [], "pid": 1}, 0, "has not told its status yet"),
        ("connected", 0, "has not told its status yet"),
    ],
)
async def test_its_status(site: Path, status: object, age_s: float, fault: str) -> None:
    probe = part_of(site, "roster").probe
    assert isinstance(probe, StatusProbe)
    file = probe.file
    file.parent.mkdir()
    assert await find_fault(probe) == "has not told its status yet"
    file.write_text(json.dumps({"pid": os.getpid(), **status} if isinstance(status, dict) else status))
    at_s = time.time() - age_s
    os.utime(file, (at_s, at_s))
    found = await find_fault(probe, os.getpid())
    assert found.startswith(fault) if fault else not found


@pytest.mark.slow
def test_check_says_that_it_does_not_work(site: Path) -> None:
    with hold_site(site.parent):
        found = [each.text for each in check_site(site) if not each.ok]
    assert any(text.startswith("the roster component has not told its status yet; see ") for text in found)
