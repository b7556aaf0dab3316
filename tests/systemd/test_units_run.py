"""A whole site by its units, under a real systemd: what starts, what each may, and what comes back (docs/install.md).

`make systemd`, as root. The machine is of this one's own programs, in memory; one site serves all tests, in this order.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.booted import Booted

SITE = "/etc/steelyard/site.toml"
NAMES = ("gate", "roster", "access", "transfer", "tiles", "indexer", "console", "witness", "prosody")
OFFERS = 100
# Where a unit may write nothing, whoever's the file is.
SHUT = ("/usr/new", "/etc/steelyard/new", "/var/lib/new", "/root/new", "/home/new")
WATCHED_S = 3
# Listens, also on an address that is not of 127.0.0.0/8 (netdevice(7): SIOCSIFADDR).
ELSEWHERE = "192.0.2.1"
LISTENER = f"""
import fcntl, socket, struct
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any:
    address = struct.pack("16sH2x4s8x", b"lo:1", socket.AF_INET, socket.inet_aton("{ELSEWHERE}"))
    fcntl.ioctl(any, 0x8916, address)
listening = socket.create_server(("", 7777), backlog=100)
print("ready", flush=True)
input()
"""
REACH = "import socket, sys; socket.create_connection((sys.argv[1], 7777), 1)"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    """A machine that was told what docs/install.md says, and nothing else."""
    with Booted(tmp_path_factory.mktemp("machine")) as booted:
        booted.run(*booted.python("-m", "tests.systemd.make_site"))
        booted.run("steelyard", "units", "--site", SITE)
        booted.run("sh", "-ec", "systemd-sysusers; systemd-tmpfiles --create; systemctl daemon-reload")
        booted.run("systemctl", "enable", "--now", "steelyard.target")
        wait_until_well(booted)
        yield booted


def unit(name: str) -> str:
    return f"steelyard-{name}.service"


def wait_until_well(machine: Booted) -> None:
    """Wait until all is as it should be, as `check` has it, and whoever was admitted has a password."""
    told = ""
    for _ in range(30):
        told = machine.run("steelyard", "check", "--site", SITE, check=False)
        passwords = machine.run("ls", "/var/lib/steelyard/access/passwords").split()
        if "✘" not in told and passwords and not any(name.endswith(".draft") for name in passwords):
            return
        time.sleep(0.5)
    raise AssertionError(f"{told}\n{machine.run('journalctl', '-b', '-p', 'err', '-n', '30', check=False)}")


def talk_while(machine: Booted, *commands: tuple[object, ...]) -> dict[str, object]:
    """Do this on the machine while Alice writes to Bob; returns what became of her messages."""
    talk = machine.start(*machine.python("-m", "tests.systemd.talk", OFFERS))
    assert talk.stdout is not None
    assert talk.stdout.readline() == "logged in\n"
    for command in commands:
        machine.run(*command)
    said: dict[str, object] = json.loads(talk.communicate(timeout=60)[0])
    return said


def pid_after(machine: Booted, name: str, before: int) -> int:
    """Return a unit's process once it is another one, and ready."""
    for _ in range(200):
        now = machine.pid(unit(name))
        if now not in (0, before) and machine.show(unit(name), "ActiveState") == "active":
            return now
        time.sleep(0.1)
    raise AssertionError(machine.run("systemctl", "status", unit(name), check=False))


def test_every_unit_is_up_and_nothing_is_wrong(machine: Booted) -> None:
    states = {name: machine.show(unit(name), "ActiveState") for name in NAMES}
    assert states == dict.fromkeys(NAMES, "active")
    assert {machine.show(unit(name), "NRestarts") for name in NAMES} == {"0"}
    assert machine.run("systemctl", "--failed", "--quiet") == ""
    findings = json.loads(machine.run("steelyard", "doctor", "--json", "--site", SITE))
    assert [each for each in findings["findings"] if each["severity"] != "note"] == []
    assert {each["name"] for each in findings["processes"]} == set(NAMES)
    assert all(each["open_files"] > 0 for each in findings["processes"])


def test_the_server_starts_when_the_others_have_said_that_they_are_ready(machine: Booted) -> None:
    began = int(machine.show(unit("prosody"), "ExecMainStartTimestampMonotonic"))
    for name in set(NAMES) - {"prosody"}:
        assert int(machine.show(unit(name), "ActiveEnterTimestampMonotonic")) <= began, name


@pytest.mark.parametrize("name", NAMES)
def test_a_process_has_no_privilege_and_writes_in_its_own_folders_only(machine: Booted, name: str) -> None:
    pid = machine.pid(unit(name))
    status = dict(
        line.split(":\t", 1)
        for line in machine.run("cat", f"/proc/{pid}/status").splitlines()
        if ":\t" in line
    )
    assert (status["CapEff"], status["CapBnd"]) == ("0" * 16, "0" * 16)
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    user = machine.run("stat", "-c", "%U", f"/proc/{pid}")
    assert user == machine.show(unit(name), "User") != "root"
    for path in SHUT:
        assert not machine.could(unit(name), "touch", path), path
    own = [path for path in machine.show(unit(name), "ReadWritePaths").split() if path.startswith("/var/lib")]
    for folder in own:
        assert machine.could(unit(name), "touch", f"{folder}/new"), folder
        assert machine.could(unit(name), "rm", f"{folder}/new"), folder
    for other in {"gate", "roster", "transfer", "audit"} - {Path(folder).name for folder in own}:
        assert not machine.could(unit(name), "touch", f"/var/lib/steelyard/{other}/new"), other


def test_a_secret_is_read_by_whose_it_is(machine: Booted) -> None:
    handed = {name: f"/run/credentials/{unit(name)}" for name in NAMES}
    assert machine.could(unit("gate"), "cat", f"{handed['gate']}/gate.secret_file")
    assert machine.could(unit("gate"), "cat", "/var/lib/steelyard/gate/log-gate.key")
    for name in set(NAMES) - {"gate"}:
        assert not machine.could(unit(name), "cat", f"{handed['gate']}/gate.secret_file"), name
        assert not machine.could(unit(name), "cat", "/var/lib/steelyard/gate/log-gate.key"), name
    for name in NAMES:
        assert not machine.could(unit(name), "cat", "/etc/steelyard/keys/escrow.key"), name
        assert not machine.could(unit(name), "cat", "/etc/steelyard/keys/gate.secret"), name
    # Nor is one in what everybody sees of a process.
    secret = machine.run("cat", "/etc/steelyard/keys/gate.secret")
    shown = machine.run("sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'")
    assert len(secret) > 20
    assert "STEELYARD_GATE__SECRET_FILE" in shown
    assert secret not in shown


def test_who_talks_to_nobody_outside_reaches_nobody(machine: Booted) -> None:
    listener = machine.start(*machine.python("-c", LISTENER))
    assert listener.stdout is not None
    assert listener.stdout.readline() == "ready\n"
    try:
        for name in ("gate", "roster", "access", "indexer"):
            assert machine.could(unit(name), "python3", "-c", REACH, "127.0.0.1"), name
            assert not machine.could(unit(name), "python3", "-c", REACH, ELSEWHERE), name
        assert machine.could(unit("transfer"), "python3", "-c", REACH, ELSEWHERE)
    finally:
        listener.communicate("\n")


def test_a_gate_that_is_restarted_loses_nothing_and_gives_nothing_back(machine: Booted) -> None:
    before = machine.pid(unit("gate"))
    said = talk_while(machine, ("systemctl", "restart", unit("gate")))
    assert (said["delivered"], said["once and in order"]) == (OFFERS, True)
    assert pid_after(machine, "gate", before) != before


def test_a_gate_that_is_killed_is_started_again_and_loses_nothing(machine: Booted) -> None:
    before = machine.pid(unit("gate"))
    said = talk_while(machine, ("kill", "-KILL", before))
    assert (said["delivered"], said["once and in order"]) == (OFFERS, True)
    assert pid_after(machine, "gate", before) != before
    assert machine.show(unit("gate"), "NRestarts") == "1"


def test_root_and_the_indexer_keep_one_index(machine: Booted) -> None:
    """Who has other keys than the other would make it anew, each time."""
    for _ in range(2):
        told = machine.run("sh", "-c", f"steelyard audit search offer --site {SITE} 2>&1")
        assert "gate/" in told
        assert "built again" not in told
    assert "built again" not in machine.run("journalctl", "-b", "-o", "cat", "-u", unit("indexer"))


def test_a_process_that_hangs_is_ended_and_started_again(machine: Booted) -> None:
    """By the watchdog, whose time a drop-in makes shorter."""
    drop_in = f"[Service]\nWatchdogSec={WATCHED_S}\n"
    folder = f"/run/systemd/system/{unit('tiles')}.d"
    machine.run("sh", "-ec", f"mkdir -p {folder}; cat >{folder}/watchdog.conf", stdin=drop_in)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", unit("tiles"))
    before = machine.pid(unit("tiles"))
    machine.run("kill", "-STOP", before)
    assert pid_after(machine, "tiles", before) != before
    assert "watchdog" in machine.run("journalctl", "-b", "-o", "cat", "-u", unit("tiles")).lower()


def test_wrong_settings_end_a_process_and_the_journal_says_why(machine: Booted) -> None:
    right = machine.run("cat", SITE)
    machine.run("sed", "-i", "s/^component_port = .*/component_port = 0/", SITE)
    machine.run("systemctl", "restart", unit("roster"), check=False)
    assert machine.show(unit("roster"), "ActiveState") == "failed"
    assert machine.show(unit("roster"), "ExecMainStatus") == "2"
    assert "component_port" in machine.run("journalctl", "-b", "-o", "cat", "-n", "5", "-u", unit("roster"))
    machine.run("sh", "-c", f"cat >{SITE}", stdin=f"{right}\n")
    machine.run("systemctl", "start", unit("roster"))
    assert machine.show(unit("roster"), "ActiveState") == "active"


def test_the_servers_log_is_rotated_and_it_writes_on_in_a_new_one(machine: Booted) -> None:
    log = "/var/log/steelyard/prosody.log"
    before, pid = machine.run("cat", log), machine.pid(unit("prosody"))
    assert before
    said = talk_while(machine, ("logrotate", "--force", "/etc/logrotate.d/steelyard"))
    assert (said["delivered"], said["once and in order"]) == (OFFERS, True)
    assert machine.run("cat", f"{log}.1").startswith(before)
    assert machine.run("cat", log)
    assert machine.pid(unit("prosody")) == pid
    assert machine.run("stat", "-c", "%U:%G", log) == "steelyard-prosody:steelyard"


def test_all_stop_in_order_and_nothing_is_unknown(machine: Booted) -> None:
    machine.run("sh", "-c", "systemctl stop steelyard.target && systemctl stop 'steelyard*'")
    ended = {name: int(machine.show(unit(name), "InactiveEnterTimestampMonotonic")) for name in NAMES}
    assert min(ended, key=ended.__getitem__) == "prosody"
    assert max(ended, key=ended.__getitem__) == "witness"
    assert {machine.show(unit(name), "Result") for name in NAMES} == {"success"}
    verified = machine.run("steelyard", "verify", "--site", SITE)
    assert {log for log in ("gate", "roster") if f"line.firm.example/{log}" not in verified} == set()
    assert "unknown" not in machine.run("steelyard", "audit", "reconcile", "--site", SITE)


def test_after_a_power_cycle_all_comes_up_and_people_log_in(machine: Booted) -> None:
    machine.power_off()
    machine.boot()
    wait_until_well(machine)
    said = talk_while(machine)
    assert (said["delivered"], said["once and in order"]) == (OFFERS, True)
    # No command of root's has left a file that its process cannot read.
    roots = machine.run(
        "find", "/var/lib/steelyard", "-mindepth", "2", "-type", "f", "-user", "root", "!", "-perm", "-004"
    )
    assert roots == ""


def control_groups() -> set[str]:
    found = subprocess.run(
        ["find", "/sys/fs/cgroup", "-maxdepth", "8", "-name", "steelyard-boot-*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return set(found.stdout.splitlines())


def test_what_is_booted_here_is_gone_afterwards(tmp_path: Path) -> None:
    groups = control_groups()
    with Booted(tmp_path) as machine:
        assert machine.run("systemd-detect-virt", check=False) != "none"
        machine.run("touch", "/etc/made-inside")
        group = Path("/proc/self/cgroup").read_text()
    assert not Path("/etc/made-inside").exists()
    assert [*tmp_path.iterdir()] == []
    assert Path("/proc/self/cgroup").read_text() == group
    assert control_groups() <= groups
    mounted = subprocess.run(["mount"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) not in mounted
