"""A process under test: started, frozen, killed and started again; its end is always waited for."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

PATIENCE_S = 60.0
"""How long a test waits for what has to come: on a busy machine it may come late, and only a test that fails waits."""
_POLL_S = 0.01


class NotReadyError(AssertionError):
    """A process under test is not ready; the message ends with the tail of its log."""


class ProcessUnderTest:
    """One process that can be started again after its end; its output goes to `output_file`.

    `logs` are further files that it writes; the tails of all of them explain a failure.
    """

    def __init__(self, name: str, output_file: Path, *logs: Path) -> None:
        self.name = name
        self._output_file = output_file
        self._logs = (output_file, *logs)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the last start."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it and wait until it is ready; raises `NotReadyError`."""
        raise NotImplementedError

    async def stop(self) -> None:
        """End it as an operator would (SIGTERM), if it runs, even while it is frozen."""
        await self._end(signal.SIGTERM, signal.SIGCONT)

    async def kill9(self) -> None:
        """Kill it where it stands (SIGKILL), if it runs."""
        await self._end(signal.SIGKILL)

    async def restart(self) -> None:
        """Stop it, if it runs, and start it again."""
        await self.stop()
        await self.start()

    def sigstop(self) -> None:
        """Freeze it."""
        os.kill(self.pid, signal.SIGSTOP)

    def sigcont(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def send_signal(self, number: signal.Signals) -> None:
        """Send it another signal, if it runs."""
        if self._process is not None:
            self._process.send_signal(number)

    def log_tail(self, lines: int = 30) -> str:
        """Return the end of what it wrote."""
        tails = (_tail(file, lines) for file in self._logs if file.exists())
        return "\n".join(tail for tail in tails if tail)

    def _launch(self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
        assert not self.running, f"{self.name} runs already"
        self._process = self._spawn(command, environment or {})

    def _spawn(
        self, command: Sequence[str | Path], environment: Mapping[str, str], kept_open: tuple[int, ...] = ()
    ) -> subprocess.Popen[bytes]:
        with self._output_file.open("ab") as output:
            try:
                return subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **environment},
                    pass_fds=kept_open,
                )
            except FileNotFoundError:
                raise NotReadyError(f"{self.name} cannot be started: {command[0]} is not installed") from None

    async def _wait_until_ready(self, is_ready: Callable[[], Awaitable[bool]]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not await is_ready():
            if not self.running:
                raise NotReadyError(f"{self.name} ended while it started:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                await self.kill9()
                raise NotReadyError(f"{self.name} was not ready within {PATIENCE_S} s:\n{self.log_tail()}")
            await asyncio.sleep(_POLL_S)

    async def _end(self, *signals: signal.Signals) -> None:
        if self._process is None:
            return
        for number in signals:
            self._process.send_signal(number)  # does nothing once the process has ended
        if not await wait_until(lambda: not self.running):
            self._process.kill()
            self._process.wait()
            how = f"within {PATIENCE_S} s of {signals[0].name}"
            raise AssertionError(f"{self.name} did not end {how}:\n{self.log_tail()}")
        # Whoever is connected to it sees the end, or connections stay open behind the test.
        for _ in range(4):
            await asyncio.sleep(0)


async def wait_until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
    """Wait until the condition holds, and say whether it did in time; measurements have a patience of their own."""
    deadline = time.monotonic() + patience_s
    while True:
        if condition():
            return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_S)


def _tail(file: Path, lines: int) -> str:
    return "\n".join(file.read_text("utf-8", "replace").splitlines()[-lines:])
