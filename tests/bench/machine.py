"""The machine that measurements were made on."""

import os
import platform
import re
import sqlite3
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

import policy.decide
from tests.bench.errors import BenchError

_IN_MEMORY = {"tmpfs", "ramfs"}
_SYNCS = 50
_BLOCK = bytes(4096)


@dataclass(frozen=True, slots=True)
class Machine:
    """What a figure depends on; `sync_ms` is the median of an fdatasync after 4 KiB appended to a file."""

    cpu: str
    cores: int
    kernel: str
    filesystem: str
    sync_ms: float
    python: str
    prosody: str
    sqlite: str

    def describe(self) -> str:
        """Say it in a line."""
        return (
            f"{self.cores} cores ({self.cpu}), Linux {self.kernel}, {self.filesystem} with an fdatasync in "
            f"{self.sync_ms:.2f} ms, Python {self.python}, Prosody {self.prosody}, SQLite {self.sqlite}"
        )


def examine_machine(folder: Path) -> Machine:
    """Look at this machine and at the disk that `folder` is on; raises BenchError if there is no disk below it."""
    filesystem = _filesystem_of(folder)
    if filesystem in _IN_MEMORY:
        raise BenchError(
            f"{folder} is in memory ({filesystem}), where nothing is durable; set TMPDIR to a disk"
        )
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    return Machine(
        model[1] if model else platform.machine(),
        os.cpu_count() or 1,
        platform.release(),
        filesystem,
        _measure_sync_ms(folder / "sync"),
        f"{platform.python_version()} ({_how_it_runs()})",
        _prosody_version(),
        sqlite3.sqlite_version,
    )


def _filesystem_of(folder: Path) -> str:
    mounts: dict[Path, str] = {
        Path(mount.mountpoint): mount.fstype for mount in psutil.disk_partitions(all=True)
    }
    above = (folder.resolve(), *folder.resolve().parents)
    return next(mounts[path] for path in above if path in mounts)


def _measure_sync_ms(file: Path) -> float:
    times_s = []
    with file.open("wb", buffering=0) as output:
        for _ in range(_SYNCS):
            output.write(_BLOCK)
            began = time.perf_counter()
            os.fdatasync(output)
            times_s.append(time.perf_counter() - began)
    file.unlink()
    return median(times_s) * 1000


def _prosody_version() -> str:
    try:
        about = subprocess.run(["prosodyctl", "about"], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        raise BenchError("Prosody is not installed: run apt-get install prosody") from None
    version = re.search(r"^Prosody (\d\S*)", about, re.MULTILINE)
    lua = re.search(r"Lua version:\s*Lua (\S+)", about)
    return f"{version[1] if version else 'of unknown version'} (Lua {lua[1] if lua else '?'})"


def _how_it_runs() -> str:
    return "not compiled" if policy.decide.__file__.endswith(".py") else "compiled"
