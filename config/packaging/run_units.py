"""Runs a site's units where no systemd runs (a chroot, a container), as far as another program can: to try them.

`run_units.py COMMAND...`, as root, with the units of `steelyard units /etc`: starts each in its order, as its user and
group, with its variables, credentials and umask, without privileges and without memory that is both written and run;
waits until each says that it is ready; runs the command, ends them in the reverse order, and returns its exit status.
"""

import ctypes
import os
import shutil
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

UNITS = Path("/etc/systemd/system")
CREDENTIALS = Path("/run/credentials")
READY_S = 60
_SET_MDWE, _REFUSE_EXEC_GAIN = 65, 1

Settings = Mapping[str, Sequence[str]]


def read_unit(file: Path) -> Settings:
    """Return the settings of a unit, each with all its values."""
    settings: dict[str, list[str]] = defaultdict(list)
    for line in file.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            settings[name].append(value.replace("%%", "%") if name != "Environment" else value)
    return settings


def hand_credentials(name: str, unit: Settings) -> Path:
    """Copy what the unit loads to where only its user reads it; returns the folder."""
    folder = CREDENTIALS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o500)
    for loaded in unit["LoadCredential"]:
        file, _, source = loaded.partition(":")
        (folder / file).write_bytes(Path(source).read_bytes())
        (folder / file).chmod(0o400)
        shutil.chown(folder / file, unit["User"][0], unit["Group"][0])
    shutil.chown(folder, unit["User"][0], unit["Group"][0])
    return folder


def start(name: str, unit: Settings) -> subprocess.Popen[bytes]:
    """Start a unit, and wait until it says that it is ready if it does say so."""
    credentials = hand_credentials(name, unit)
    address = Path(f"/run/notify-{name}")
    address.unlink(missing_ok=True)
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(address))
    manager.settimeout(READY_S)
    shutil.chown(address, unit["User"][0])
    given = dict(each.replace("%d", str(credentials)).partition("=")[::2] for each in unit["Environment"])
    environment = {"PATH": "/usr/bin:/bin", "CREDENTIALS_DIRECTORY": str(credentials), **given}
    says = unit["Type"] == ["notify"]
    if says:
        environment |= {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "30000000"}
    process = become(unit, environment)
    while says and manager.recv(100) != b"READY=1":
        pass
    print(f"run_units: {name} is up as {unit['User'][0]}", flush=True)
    return process


def become(unit: Settings, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a unit's program as its user and group, with no privilege."""

    def confine() -> None:
        os.umask(int(unit["UMask"][0], 8))
        if ctypes.CDLL(None).prctl(_SET_MDWE, _REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
            os.write(2, b"run_units: this kernel does not refuse memory that is written and run\n")

    who = (f"--reuid={unit['User'][0]}", f"--regid={unit['Group'][0]}", "--clear-groups")
    without = ("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all")
    command = ["/usr/bin/setpriv", *who, *without, *unit["ExecStart"][0].split()]
    return subprocess.Popen(command, env=environment, cwd="/", preexec_fn=confine)


def main() -> int:
    """Start all, run the command, end all."""
    units = {file.name: read_unit(file) for file in sorted(UNITS.glob("steelyard-*.service"))}
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        while waiting := [name for name in units if name not in running]:
            earlier = {name: set(units[name]["After"][0].split()) & set(waiting) for name in waiting}
            name = next(each for each in waiting if not earlier[each])
            running[name] = start(name, units[name])
        return subprocess.run(sys.argv[1:], check=False).returncode
    finally:
        for name, process in reversed(running.items()):
            process.terminate()
            print(f"run_units: {name} ended with {process.wait(60)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
