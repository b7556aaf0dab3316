"""A machine with a systemd of its own, for root: this machine's system, and what it writes there is in memory alone.

It has processes, users and a network (loopback) of its own, and is gone without a trace when the test ends.
`config/packaging/boot` boots it. What runs in it sees this clone at /opt/steelyard, wherever it is here.
"""

import subprocess
import time
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
CLONE = "/opt/steelyard"
_READY_S = 60
# Whatever services this machine has are none of that one's.
_LAY_OUT = """
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
rm -rf etc/systemd/system/* etc/rc?.d/* var/log/journal
: >etc/machine-id
: >etc/fstab
mkdir -p .$3
mount --bind "$2" .$3
mount -o remount,bind,ro .$3
cat >usr/bin/steelyard <<END
#!/bin/sh
export PYTHONPATH=$3
exec $3/.venv/bin/python3 -P -c 'import sys; from components.cli.main import main; sys.exit(main())' "\\$@"
END
chmod 755 usr/bin/steelyard
echo laid out
read nothing
"""


class Booted:
    """The machine; `folder` is an empty one for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._holder: subprocess.Popen[str] | None = None
        self._machine: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        apart = ("unshare", "--mount", "--propagation", "private", "sh", "-euc", _LAY_OUT, "sh")
        self._holder = subprocess.Popen(
            [*apart, self._folder, ROOT, CLONE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stderr is not None
        assert self._holder.stdout.readline() == "laid out\n", self._holder.stderr.read()
        self.boot()
        return self

    def __exit__(self, *_: object) -> None:
        if self._machine is not None:
            self._machine.terminate()
            self._machine.wait(60)
        if self._holder is not None:
            self._holder.communicate("\n")

    def boot(self) -> None:
        """Switch it on, and wait until all that starts by itself has started."""
        assert self._holder is not None
        outside = ("nsenter", "--mount", "--target", str(self._holder.pid))
        self._machine = subprocess.Popen(
            [*outside, ROOT / "config/packaging/boot", self._folder / "root"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        give_up_at_s = time.monotonic() + _READY_S
        while self.run("systemctl", "is-system-running", "--wait", check=False) not in (
            "running",
            "degraded",
        ):
            assert self._machine.poll() is None, "it did not boot: try config/packaging/boot by hand"
            assert time.monotonic() < give_up_at_s, "it does not come up"
            time.sleep(0.1)

    def power_off(self) -> None:
        """Have it shut down, and wait until it has."""
        assert self._machine is not None
        self.run("systemctl", "poweroff")
        self._machine.wait(_READY_S)

    def run(self, *command: object, check: bool = True, stdin: str = "") -> str:
        """Run a program in it as root; returns what it prints, without the last end of line."""
        done = self._try(*command, stdin=stdin)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.removesuffix("\n")

    def start(self, *command: object) -> subprocess.Popen[str]:
        """Start a program in it, and go on."""
        words = [*self._inside(), *(str(word) for word in command)]
        return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def python(self, *arguments: object) -> tuple[object, ...]:
        """Return the command that runs a module of this clone in it."""
        return "env", f"PYTHONPATH={CLONE}", f"{CLONE}/.venv/bin/python3", "-P", *arguments

    def show(self, unit: str, what: str) -> str:
        """Return a property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={what}", unit)

    def pid(self, unit: str) -> int:
        """Return the id that a unit's process has inside."""
        return int(self.show(unit, "MainPID"))

    def could(self, unit: str, *command: object) -> bool:
        """Run a program with a unit's user, view of files and control group; return whether it succeeded."""
        group, user = self.show(unit, "ControlGroup"), self.show(unit, "User")
        enter = f"echo $$ >/sys/fs/cgroup{group}/cgroup.procs || exit 99"
        who = ("setpriv", f"--reuid={user}", "--regid=steelyard", "--clear-groups", "--no-new-privs")
        words = ("nsenter", "--mount", "--target", self.pid(unit), *who, *command)
        done = self._try("sh", "-c", f'{enter}; exec "$@"', "sh", *words)
        assert done.returncode != 99, done.stderr
        return done.returncode == 0

    def _try(self, *command: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
        words = [*self._inside(), *(str(word) for word in command)]
        return subprocess.run(words, input=stdin, capture_output=True, text=True, check=False, timeout=120)

    def _inside(self) -> list[str]:
        if self._machine is None or (init := _child(_child(self._machine.pid))) is None:
            return ["false"]
        enter = ["nsenter", "--all", "--root", "--wd", "--target", str(init)]
        return [*enter, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"]


def _child(pid: int | None) -> int | None:
    """Return the process that another one has started."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    return int(children[-1]) if children else None
