"""The witness of a site: its settings, its keys, and what is seen of it from outside."""

import asyncio
import json
import os
import re
import socket
import time
from pathlib import Path

import pytest

from components.archive.log.cosignature import encode_cosigner_key
from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from components.settings.witness import WitnessSettings
from components.site.check import check_site
from components.site.health import find_port_problems, find_unwitnessed
from components.site.init import init_site
from components.site.lock import hold_site
from components.site.probe import StatusProbe, find_fault
from components.site.up import process_specs
from components.site.validate import load_site
from components.witness.keys import load_witness_keys, load_witness_vkeys
from tests.support.archive import VKEY
from tests.support.ports import free_port
from tests.support.site import part_of
from tests.support.witness import COSIGNER_KEYS

pytestmark = pytest.mark.slow

TABLE = """
[witness]
name = "steelyard.example/witness"
key_file = "keys/witness.key"
state = "witness"
status_file = "run/witness.status.json"
"""


def add(site: Path, *lines: str) -> None:
    with site.open("a") as file:
        file.write(TABLE + "\n".join(lines) + "\n")


def problems(site: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        load_site(site)
    return "\n".join(caught.value.problems)


def test_init_makes_the_keys_once(site: Path) -> None:
    add(site)
    assert "witness.key_file: there is no" in problems(site)
    key_file = site.parent / "keys" / "witness.key"
    assert key_file in init_site(site).made
    vkeys = [key.key_id for key in load_witness_vkeys(key_file.with_suffix(".pub"))]
    assert [each.cosigner_key.key_id for each in load_witness_keys(key_file)] == vkeys
    assert init_site(site).made == ()


def test_a_witness_that_others_know_gets_no_other_keys(site: Path) -> None:
    add(site)
    (site.parent / "witness").mkdir()
    (site.parent / "witness" / "00.checkpoint").write_text("")
    with pytest.raises(SiteError, match="put it back from a backup"):
        init_site(site)
    assert "others know this witness by it: put it back from a backup" in problems(site)


@pytest.mark.programs
def test_a_site_without_a_witness_runs_none(site: Path) -> None:
    settings = load_site(site)
    assert settings.witness is None
    assert [spec.name for spec in process_specs(settings, site)][-1] != "witness"


@pytest.mark.programs
def test_it_is_a_process_that_stops_last(site: Path) -> None:
    add(site)
    init_site(site)
    assert [spec.name for spec in process_specs(load_site(site), site)][-1] == "witness"


def test_it_reads_its_own_table_and_finds_the_logs(site: Path) -> None:
    add(site, "port = 4711", "[[witness.asks]]", 'url = "https://w.example/"', f"vkeys = {vkeys()}")
    settings = SiteFile(site).require(WitnessSettings)
    assert (settings.port, settings.cosign_own, settings.state) == (4711, True, site.parent / "witness")
    assert settings.asks[0].url == "https://w.example/"
    logs = SiteFile(site).logs
    assert [log.name for log in logs] == ["gate", "audit", "roster", "transfer", "history"]
    assert logs[0].verifier_key_file == site.parent / "keys" / "log-gate.pub"
    assert logs[0].witnessed == site.parent / "archive" / "gate.witnessed"


def test_a_log_in_a_database_elsewhere_has_its_witnessed_checkpoints_below_the_site(site: Path) -> None:
    text = site.read_text()
    site.write_text(
        text.replace(
            '"archive/gate.db"', '"postgresql://steelyard@db.example/archive?sslmode=verify-full#gate"'
        )
    )
    log = SiteFile(site).logs[0]
    assert (log.name, log.witnessed) == ("gate", site.parent / "archive" / "gate.witnessed")


def vkeys() -> str:
    return json.dumps([encode_cosigner_key(key) for key in COSIGNER_KEYS])


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["port = 65536"], r"witness\.port: .* less than or equal to 65535"),
        (["prt = 1"], r"witness\.prt: there is no such setting; did you mean port\?"),
        (['logs = ["x"]'], r"witness\.logs\.0: not the key of a signer"),
        ([f'logs = ["{VKEY.replace("gate", "gata")}"]'], r"witness\.logs\.0: the id .* does not match"),
        ([f'logs = ["{VKEY}"]'], r"witness\.port: others' logs are to be cosigned; set one"),
        (
            ["[[witness.asks]]", 'url = "ftp://x"', "vkeys = []"],
            r"witness\.asks\.0\.url: .*https://host/path",
        ),
        (["[[witness.asks]]", 'url = "http://x"', "vkeys = []"], r"witness\.asks\.0\.vkeys: .*at least 1"),
        (
            ["[[witness.asks]]", 'url = "http://x"', f'vkeys = ["{VKEY}"]'],
            r"witness\.asks\.0\.vkeys\.0: not the",
        ),
        (["[[witness.asks]]", 'urll = "http://x"'], r"witness\.asks\.0\.urll: .*did you mean url\?"),
        (
            ["[witness.time_stamps]", 'url = "http://x"', 'certificates = "tsa.pem"'],
            r"witness\.time_stamps\.certificates: there is no .*tsa\.pem; get it from the authority",
        ),
    ],
)
def test_a_fault_is_told_by_its_path(site: Path, lines: list[str], problem: str) -> None:
    add(site, *lines)
    found = problems(site).splitlines()
    assert any(re.match(problem, line) for line in found), found


def test_its_port_is_one_of_the_sites(site: Path) -> None:
    add(site, f"port = {load_site(site).prosody.c2s_port}")
    assert "witness.port: " in problems(site)
    others, own = site.read_text().split("\n[witness]\n")
    port = free_port()
    own = re.sub(r"^port = \d+", f'port = {port}\naddress = "127.0.0.2"', own, flags=re.MULTILINE)
    site.write_text(f"{others}\n[witness]\n{own}")
    init_site(site)
    settings = load_site(site)
    assert list(find_port_problems(settings)) == []
    with socket.socket() as taken:
        taken.bind(("127.0.0.2", port))
        taken.listen()
        assert "witness.port" in "".join(find_port_problems(settings))


def write(path: Path, pid: int, *faults: str, age_s: float = 0) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"state": "running", "pid": pid, "faults": faults}))
    os.utime(path, (time.time() - age_s,) * 2)


async def test_its_health_is_its_own(site: Path) -> None:
    add(site)
    await asyncio.to_thread(init_site, site)
    probe = part_of(site, "witness").probe
    assert isinstance(probe, StatusProbe)
    status = probe.file
    assert "not told" in await find_fault(probe, 7)
    assert find_unwitnessed(status) == []
    write(status, 7, "log gate, other.example/witness: it is down")
    assert await find_fault(probe, 7) == ""
    assert "not told" in await find_fault(probe, 8)
    assert find_unwitnessed(status) == ["log gate, other.example/witness: it is down"]
    write(status, 7, age_s=60)
    assert "silent for 60 s" in await find_fault(probe, 7)


def test_check_tells_what_is_not_witnessed(site: Path) -> None:
    add(site)
    init_site(site)
    assert [finding.text for finding in check_site(site) if finding.name == "witness"] == [
        "not up; it asks 0 others, and cosigns 0 logs"
    ]
    probe = part_of(site, "witness").probe
    assert isinstance(probe, StatusProbe)
    write(probe.file, 1, "log gate, other.example/witness: it is down")
    with hold_site(site.parent):
        found = [finding for finding in check_site(site) if finding.name == "witness"]
    assert [(finding.ok, finding.text) for finding in found] == [
        (False, "log gate, other.example/witness: it is down")
    ]
    (site.parent / "keys" / "witness.key").chmod(0o644)
    told = [finding.text for finding in check_site(site) if finding.name == "keys"]
    assert "others may read" in " ".join(told)
    assert "witness.key" in " ".join(told)


def add_site(site: Path, **files: str) -> None:
    """Make another site's witness one that is asked, with these files in the folder of its keys."""
    folder = site.parent / "peers"
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name.replace('_', '-')}.pub").write_text(text)
    add(site, "port = 4711", "[[witness.sites]]", 'url = "http://192.0.2.2:8790"', 'keys = "peers"')


def test_another_sites_keys_are_read_from_its_folder_whenever_they_are_asked_for(site: Path) -> None:
    witness = "".join(f"{encode_cosigner_key(key)}\n" for key in COSIGNER_KEYS)
    add_site(site, log_gate=f"{VKEY}\n", log_audit=f"{VKEY}\n{VKEY}\n", witness=witness, auditor="no key")
    settings = SiteFile(site).require(WitnessSettings)
    assert list(settings.read_logs()) == [VKEY] * 3
    assert list(settings.read_asked()) == [("http://192.0.2.2:8790", tuple(witness.split()))]
    assert settings.witnesses == 1
    (site.parent / "peers/log-roster.pub").write_text(VKEY)
    assert list(settings.read_logs()) == [VKEY] * 4
    init_site(site)
    assert load_site(site).witness is not None


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, r"witness\.sites\.keys: there is no log-\*\.pub in .*peers; bring it from the other site"),
        ({"log_gate": VKEY}, r"witness\.sites\.keys: .*peers/witness\.pub: no such file .*; bring it"),
        ({"log_gate": VKEY, "witness": ""}, r"witness\.sites\.keys: .*holds no key"),
        ({"log_gate": VKEY, "witness": VKEY}, r"witness\.sites\.keys: a file in .*peers is no public key"),
        ({"log_gate": "x", "witness": ""}, r"witness\.sites\.keys: a file in .*peers is no public key"),
    ],
)
def test_what_is_wrong_with_another_sites_keys_is_told(
    site: Path, files: dict[str, str], problem: str
) -> None:
    add_site(site, **files)
    found = problems(site).splitlines()
    assert any(re.match(problem, line) for line in found), found
