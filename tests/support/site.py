"""`steelyard up` under test: a site of its own below a folder, and what is left of it afterwards."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import psutil

from components.archive.reader import LogReader
from components.site.parts import Part, parts_of
from components.site.validate import load_site
from tests.support.process import PATIENCE_S, wait_until

ROOT = Path(__file__).resolve().parents[2]
STEELYARD = (sys.executable, "-m", "components.cli.main")

START_PATIENCE_S = 3 * PATIENCE_S
"""A demonstration starts nine processes, and has a conversation, and searches: 20 s of processor time by itself."""


def part_of(site_toml: Path, name: str) -> Part:
    """Return one process of a site as data."""
    return next(part for part in parts_of(load_site(site_toml)) if part.name == name)


def run_steelyard(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; `environment` is added to ours."""
    return subprocess.run(
        [*STEELYARD, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment},
        timeout=START_PATIENCE_S,
    )


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return the processes that were started with a path of this site."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and str(folder) in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue  # it has just ended
    return found


def count_records(folder: Path) -> int:
    """Return the size of the gate's log."""

    async def count() -> int:
        reader = await LogReader.open(folder / "archive" / "gate.db")
        try:
            return await reader.size()
        finally:
            await reader.close()

    return asyncio.run(count())


class RunningSite:
    """A `steelyard up` in the background; what it says is in `said()`."""

    def __init__(self, folder: Path, *options: str, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.site = folder / "site.toml"
        self._output_file = folder.with_name(f"{folder.name}.out")
        self._options = options
        self._environment = environment or {}
        self.process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        self.launch()
        try:
            await self.wait_until_said("is up; Ctrl-C stops it", patience_s=START_PATIENCE_S)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.running:
            await self.end(signal.SIGTERM)

    def launch(self) -> None:
        """Start it, and do not wait for anything."""
        with self._output_file.open("wb") as output:
            self.process = subprocess.Popen(
                [*STEELYARD, "up", *self._options, "--site", str(self.site)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, **self._environment},
            )

    @property
    def running(self) -> bool:
        """Whether `up` itself is alive."""
        return self.process is not None and self.process.poll() is None

    def said(self) -> str:
        """Return all that it has written so far."""
        return self._output_file.read_text()

    async def wait_until_said(self, text: str, times: int = 1, patience_s: float = PATIENCE_S) -> None:
        """Wait until it has written a text so many times."""
        said = await wait_until(lambda: self.said().count(text) >= times or not self.running, patience_s)
        assert said, f"{text!r} was not said in time:\n{self.said()}"
        assert self.said().count(text) >= times, f"it ended without saying {text!r}:\n{self.said()}"

    async def wait_until_back(self, name: str) -> None:
        """Wait until a process that was killed has started again and is healthy: it was so before, too."""
        ended, healthy = f"{name} was ended by SIGKILL; starts again in 0.2 s", f"✔ {name} is healthy"
        await self.wait_until_said(ended)
        is_back = await wait_until(lambda: healthy in self.said().rpartition(ended)[2] or not self.running)
        assert is_back and self.running, f"{name} did not come back:\n{self.said()}"

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to `up` alone."""
        assert self.process is not None
        self.process.send_signal(number)

    async def end(self, number: signal.Signals) -> int:
        """Send a signal to `up` alone, wait for its end and return its status."""
        assert self.process is not None
        self.process.send_signal(number)
        assert await wait_until(lambda: not self.running), self.said()
        return self.process.returncode

    def pid_of(self, part: str) -> int:
        """Return the process id of the part (`prosody`, `components.gate`)."""
        (process,) = [each for each in processes_of(self.folder) if part in " ".join(each.cmdline()[:3])]
        return int(process.pid)
