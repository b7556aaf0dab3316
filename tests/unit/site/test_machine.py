"""A machine of auditors' own: what `init`, `check` and `up` make of its site.toml, and what they leave alone."""

import asyncio
import json
import os
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from components.archive.keys import create_log_key, create_recipient_key
from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from components.site.check import Finding, check_site
from components.site.display import Display
from components.site.init import init_site
from components.site.machine import find_feed_problems, machine_specs, run_machine
from components.site.parts import is_machine, listening_ports, running_parts
from components.site.probe import StatusProbe, find_fault
from components.site.validate import load_site
from tests.support.certificates import CertificateAuthority
from tests.support.filed_site import TRANSFER
from tests.support.site_toml import write_site_toml
from tests.unit.cli.test_review_queues import DIRECTORY, POLICY

FOLLOW = """[follow]
url = "https://localhost:5290"
authority = "keys/ca.crt"
certificate = "keys/erin-desk.crt"
status_file = "run/follow.status.json"

[indexer]
status_file = "run/indexer.status.json"

[console]
port = 5283
host = "localhost"
link_key_file = "keys/console.link"
state_file = "run/console.db"
status_file = "run/console.status.json"
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Make what its people bring from the site, and the key that opens records; return its site.toml."""
    for folder in ("keys", "archive", "run"):
        (tmp_path / folder).mkdir(mode=0o700)
    (tmp_path / "directory.toml").write_text(DIRECTORY)
    (tmp_path / "policy.toml").write_text(POLICY)
    tables: dict[str, Any] = {
        "gate": {"policy": "policy.toml"},
        "audit": {"log_key_file": "keys/log-audit-erin.key", "log_origin": "metals.example/audit-erin"},
        "archive": {"recipients": ["keys/auditor.pub"]},
        "transfer": TRANSFER,
    }
    path = write_site_toml(tmp_path / "site.toml", FOLLOW, **tables)
    create_recipient_key(tmp_path / "keys/auditor.key", "auditor")
    (tmp_path / "site").mkdir()
    for name in ("gate", "transfer"):
        create_log_key(tmp_path / f"site/log-{name}.key", f"metals.example/{name}")
        shutil.copy(tmp_path / f"site/log-{name}.pub", tmp_path / "keys")
    shutil.copy(
        CertificateAuthority(tmp_path).issue(tmp_path / "certs", ["localhost"]) / "ca.crt", tmp_path / "keys"
    )
    return path


def write_status(file: Path, state: str, **more: object) -> None:
    file.write_text(json.dumps({"pid": os.getpid(), "state": state, "written_s": time.time(), **more}))


def test_init_makes_what_is_the_machines_and_nothing_of_the_sites(machine: Path) -> None:
    made = {path.name for path in init_site(machine).made}
    assert made == {"console.link", "log-audit-erin.key", "erin-desk.crt"}
    assert not list(machine.parent.rglob("*.secret"))
    assert not (machine.parent / "keys/log-gate.key").exists()
    assert init_site(machine).made == ()


def test_only_its_own_processes_run_on_it_and_only_their_ports_are_listened_on(machine: Path) -> None:
    site = init_site(machine).settings
    assert is_machine(site)
    assert [part.name for part in running_parts(site)] == ["follow", "indexer", "console"]
    assert [spec.name for spec in machine_specs(site)] == ["follow", "indexer", "console"]
    assert [port.setting for port in listening_ports(site)] == ["console.port"]


@pytest.mark.parametrize(
    ("file", "named"),
    [
        ("keys/log-gate.pub", "gate.log_key_file"),
        ("keys/log-transfer.pub", "transfer.log_key_file"),
        ("keys/ca.crt", "follow.authority"),
        ("keys/erin-desk.crt", "follow.certificate"),
        ("keys/log-audit-erin.key", "audit.log_key_file"),
        ("keys/auditor.pub", "archive.recipients"),
        ("keys/console.link", "console.link_key_file"),
        ("directory.toml", "gate.directory"),
    ],
)
def test_a_file_that_is_missing_is_named(machine: Path, file: str, named: str) -> None:
    init_site(machine)
    load_site(machine)
    (machine.parent / file).unlink()
    with pytest.raises(SettingsError) as caught:
        load_site(machine)
    assert any(named in problem for problem in caught.value.problems), caught.value.problems


def test_the_key_of_another_log_is_named(machine: Path) -> None:
    init_site(machine)
    shutil.copy(machine.parent / "keys/log-transfer.pub", machine.parent / "keys/log-gate.pub")
    with pytest.raises(SettingsError, match="not of metals"):
        load_site(machine)


def findings(machine: Path) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for each in check_site(machine):
        found.setdefault(each.name, []).append(each)
    return found


def test_check_is_about_the_machine_and_names_what_the_follower_cannot_do(machine: Path) -> None:
    site = init_site(machine).settings
    assert site.follow is not None
    found = findings(machine)
    assert not set(found) & {"prosody", "adapter", "certificates", "web", "review", "witness"}
    assert [each.text for each in found["running"]] == ["not up; its ports are free"]
    assert "is not followed now" in found["feed"][0].text
    files = {"here": 3, "waiting": 2, "left_out": 1, "faulty": 1}
    faults = ["the log gate: stands still", "the file of transfer/7: not whole at the site"]
    write_status(site.follow.status_file, "behind", logs={"gate": 7}, files=files, faults=faults)
    assert [(each.ok, each.text) for each in findings(machine)["feed"]] == [
        (False, fault) for fault in faults
    ]
    write_status(site.follow.status_file, "following", logs={"gate": 7}, files=files, faults=[])
    texts = [each.text for each in findings(machine)["feed"] if each.ok]
    assert texts[0] == "7 records of 1 logs are here"
    assert texts[1].startswith("3 files are here, 2 are to come, 1 are larger than 100 MiB")


async def test_a_machine_may_be_up_before_its_site_is_and_a_fork_is_a_fault_all_the_same(
    machine: Path,
) -> None:
    site = init_site(machine).settings
    assert site.follow is not None
    (spec, *_rest) = machine_specs(site)
    (part, *_parts) = running_parts(site)
    assert isinstance(part.probe, StatusProbe)
    for state, is_up, is_right in (
        ("behind", True, False),
        ("following", True, True),
        ("forked", False, False),
    ):
        write_status(site.follow.status_file, state)
        assert (await spec.find_fault(os.getpid()) == "") is is_up, state
        assert (await find_fault(part.probe) == "") is is_right, state


@pytest.fixture
def database_machine(tmp_path: Path) -> Path:
    """Make what its people bring where the logs are in PostgreSQL; return its site.toml."""
    (tmp_path / "keys").mkdir(mode=0o700)
    (tmp_path / "directory.toml").write_text(DIRECTORY)
    database = "postgresql://erin@db.example/archive?sslmode=verify-full"
    tables: dict[str, Any] = {
        "gate": {"log": f"{database}#gate"},
        "audit": {
            "log": f"{database}#audit-erin",
            "log_origin": "metals.example/audit-erin",
            "log_key_file": "keys/log-audit-erin.key",
            "own_machine": True,
        },
        "archive": {"recipients": ["keys/auditor.pub"]},
    }
    path = write_site_toml(tmp_path / "site.toml", **tables)
    create_recipient_key(tmp_path / "keys/auditor.key", "auditor")
    (tmp_path / "site").mkdir()
    create_log_key(tmp_path / "site/log-gate.key", "metals.example/gate")
    shutil.copy(tmp_path / "site/log-gate.pub", tmp_path / "keys")
    return path


def add_table(path: Path, table: str) -> None:
    path.write_text(f"{path.read_text()}\n{table}\n")


def test_a_machine_that_reads_the_database_lacks_nothing_of_the_line(database_machine: Path) -> None:
    create_log_key(database_machine.parent / "keys/log-audit-erin.key", "metals.example/audit-erin")
    site = load_site(database_machine)
    assert is_machine(site)
    assert find_feed_problems(site) == []
    assert listening_ports(site) == ()
    assert running_parts(site) == ()
    (database_machine.parent / "keys/log-gate.pub").unlink()
    with pytest.raises(SettingsError, match=r"gate\.log_key_file"):
        load_site(database_machine)


def test_where_the_site_keeps_a_log_in_a_file_such_a_machine_is_told_of_the_feed(
    database_machine: Path,
) -> None:
    create_log_key(database_machine.parent / "keys/log-audit-erin.key", "metals.example/audit-erin")
    text = database_machine.read_text()
    database_machine.write_text(
        text.replace("postgresql://erin@db.example/archive?sslmode=verify-full#gate", "archive/gate.db")
    )
    with pytest.raises(SettingsError, match=r"gate\.log: .*docs/feed\.md"):
        load_site(database_machine)


async def test_up_says_that_nothing_runs_where_there_is_neither_indexer_nor_console(
    database_machine: Path,
) -> None:
    site = SiteFile(database_machine)
    with pytest.raises(SiteError, match=r"\[indexer\] or \[console\]"):
        await run_machine(site, Display(), 0, asyncio.Event(), once=True)
    add_table(database_machine, '[indexer]\nstatus_file = "run/indexer.status.json"')
    site = SiteFile(database_machine)
    assert [spec.name for spec in machine_specs(site)] == ["indexer"]


@pytest.mark.parametrize("value", ["false", '"true"', "1"])
def test_what_is_not_said_plainly_makes_no_machine(database_machine: Path, value: str) -> None:
    text = database_machine.read_text()
    database_machine.write_text(text.replace("own_machine = true", f"own_machine = {value}"))
    assert not is_machine(SiteFile(database_machine))


def test_a_follower_that_does_not_run_has_no_faults_of_its_own(machine: Path) -> None:
    assert find_feed_problems(SiteFile(machine)) == []


@pytest.mark.parametrize(
    ("shared", "named"),
    [
        ("#audit-erin", "audit.log "),
        ("metals.example/audit-erin", "audit.log_origin metals.example/audit-erin"),
        ("index-erin", "index postgresql://erin@db.example/archive"),
    ],
)
def test_sites_that_share_a_log_or_an_index_in_the_database_are_refused(
    database_machine: Path, tmp_path: Path, shared: str, named: str
) -> None:
    """Each site of a machine that reads the database has a log and an index of its own there."""
    create_log_key(database_machine.parent / "keys/log-audit-erin.key", "metals.example/audit-erin")
    index = 'index_store = "postgresql://erin@db.example/archive?sslmode=verify-full#index-erin"'
    text = database_machine.read_text().replace("own_machine = true", f"own_machine = true\n{index}")
    database_machine.write_text(text)
    (tmp_path / "london").mkdir()
    london = tmp_path / "london/site.toml"
    apart = text.replace("metals.example", "london.example")
    for name in ("#audit-erin", "index-erin"):
        apart = apart.replace(name, f"{name}-london")
    london.write_text(apart)
    add_table(database_machine, '[[audit.sites]]\nname = "london"\nsite = "london/site.toml"')
    load_site(database_machine)
    back = shared.replace("metals.example", "london.example")
    london.write_text(apart.replace(f"{back}-london", back).replace(back, shared))
    with pytest.raises(SettingsError, match=r"audit\.sites: london and .* have the same " + re.escape(named)):
        load_site(database_machine)
    # A site that is away now is named by each look, and keeps nobody from the others.
    london.unlink()
    load_site(database_machine)
