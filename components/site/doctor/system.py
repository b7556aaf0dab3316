"""What the system says of processes, disks and the clock: a few reads of /proc, and two system calls."""

import ctypes
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# adjtimex(2)
_STA_UNSYNC = 0x0040
_ENOUGH_FOR_TIMEX = 512
# statx(2)
_AT_FDCWD, _AT_SYMLINK_NOFOLLOW = -100, 0x100
_STATX_BTIME, _STATX_SIZE, _BTIME_AT = 0x800, 256, 80
_MODULE_OPTION = "-m"
_SOURCES = (".py", ".lua", ".erl")


@dataclass(frozen=True, slots=True)
class Running:
    """A running process: its id and command, since when, and how many files it has open, of how many that it may."""

    pid: int
    command: tuple[str, ...]
    age_s: float
    open_files: int
    open_files_max: int

    @property
    def module(self) -> str:
        """The module that it runs (`python -m MODULE`), or the name of its program."""
        if _MODULE_OPTION in self.command[:-1]:
            return self.command[self.command.index(_MODULE_OPTION) + 1]
        return Path(self.command[0]).name if self.command else ""


def find_children(pid: int) -> Iterator[Running]:
    """Yield the children of a process, but for those that end just now."""
    with suppress(OSError, ValueError):
        for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with suppress(OSError, ValueError):
                yield look_at(int(each))


def find_by_file(*files: Path) -> Iterator[Running]:
    """Yield the processes whose command ends with one of these files, whoever started them."""
    names = {str(file) for file in files}
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            if (found := look_at(int(place.name))).command[-1:] and found.command[-1] in names:
                yield found


def look_at(pid: int) -> Running:
    """Return what there is to know of a process; raises OSError and ValueError."""
    place = Path(f"/proc/{pid}")
    command = tuple(place.joinpath("cmdline").read_bytes().decode(errors="replace").split("\0")[:-1])
    limit = _soft_limit(place.joinpath("limits").read_text())
    return Running(pid, command, age_of(pid), _count_open(place), limit)


def _count_open(place: Path) -> int:
    """Return how many files a process has open, 0 for one of another user, who does not show them."""
    with suppress(PermissionError):
        return sum(1 for _ in (place / "fd").iterdir())
    return 0


def age_of(pid: int) -> float:
    """Return for how many seconds a process has run; raises OSError and ValueError."""
    # The name, in parentheses, may have spaces: the 22nd field is the 20th behind it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    return max(0.0, uptime_s - int(fields[19]) / os.sysconf("SC_CLK_TCK"))


def _soft_limit(limits: str) -> int:
    for line in limits.splitlines():
        if line.startswith("Max open files"):
            soft = line.split()[3]
            return 0 if soft == "unlimited" else int(soft)
    return 0


def installed_ago_s(*folders: Path) -> float:
    """Return for how many seconds the newest of these folders' sources has been in its place.

    A package sets the time of its files to that of their making, so the time at which each came to this disk counts,
    too. That of the last change of its entry does not: it is another after a `chown`, too.
    """
    files = (Path(place, name) for each in folders for place, _, names in os.walk(each) for name in names)
    newest_s = max((placed_at_s(file) for file in files if file.suffix in _SOURCES), default=0.0)
    return max(0.0, time.time() - newest_s)


def placed_at_s(file: Path) -> float:
    """Return when what a file holds came to its place (Unix time): made there, or written to; 0 if it is gone."""
    try:
        status = file.lstat()
    except FileNotFoundError:  # removed since its folder was read
        return 0.0
    return max(_made_at_s(file) or status.st_ctime, status.st_mtime)


def _made_at_s(file: Path) -> float | None:
    """Return when a file was made on its disk (statx, 2); None where the system or the disk does not say."""
    found = ctypes.create_string_buffer(_STATX_SIZE)
    try:
        failed = ctypes.CDLL(None).statx(
            _AT_FDCWD, os.fsencode(file), _AT_SYMLINK_NOFOLLOW, _STATX_BTIME, found
        )
    except (OSError, AttributeError):
        return None
    # struct statx: `stx_mask` says what there is; `stx_btime` is whole seconds, and then nanoseconds.
    if failed or not ctypes.c_uint32.from_buffer(found).value & _STATX_BTIME:
        return None
    whole = ctypes.c_int64.from_buffer(found, _BTIME_AT).value
    return whole + ctypes.c_uint32.from_buffer(found, _BTIME_AT + 8).value / 1e9


def is_synchronised() -> bool | None:
    """Return whether the kernel says that its clock follows others (adjtimex, 2); None if it does not say."""
    timex = ctypes.create_string_buffer(_ENOUGH_FOR_TIMEX)  # all zero: `modes` asks and changes nothing
    try:
        if ctypes.CDLL(None, use_errno=True).adjtimex(timex) < 0:
            return None
    except (OSError, AttributeError):
        return None
    # struct timex: an int (with room up to a long), four longs, then the int `status`.
    status = ctypes.c_int.from_buffer(timex, ctypes.sizeof(ctypes.c_long) * 5).value
    return not status & _STA_UNSYNC
